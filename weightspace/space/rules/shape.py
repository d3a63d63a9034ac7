"""Operators that move entries: reshape, permute, slice, concatenate, pad, index."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix, is_fixed, leaf
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Step, Value
from weightspace.space.rules.registry import rule


@rule(
    "aten.view", "aten.reshape", "aten._unsafe_view", "aten.flatten", "aten.unflatten", "aten.squeeze",
    "aten.unsqueeze", "aten.view_as", "aten.reshape_as", "aten._reshape_alias", "aten.view_copy", "aten.squeeze_copy",
    "aten.unsqueeze_copy", "aten.ravel", "aten.atleast_1d",
)  # fmt: skip
def reshape(t: Tracer, value: Value, *_: Any) -> Value:
    """The same entries under other sizes, which the traced graph already gives."""
    return t.reshape(value, t.shape)


@rule("aten.permute", "aten.permute_copy")
def permute(t: Tracer, value: Value, order: Sequence[int]) -> Value:
    """Axes in another order."""
    return t.permute(value, order)


@rule("aten.transpose", "aten.swapaxes", "aten.transpose_copy")
def transpose(t: Tracer, value: Value, one: int, other: int) -> Value:
    """Two axes change places."""
    order = list(range(len(value.dims)))
    if order:
        order[one], order[other] = order[other], order[one]
    return t.permute(value, order)


@rule("aten.t", "aten.numpy_T", "aten.mT", "aten.adjoint")
def transpose_last(t: Tracer, value: Value) -> Value:
    """The last two axes change places."""
    return transpose(t, value, -1, -2) if len(value.dims) > 1 else value


@rule("aten.movedim")
def movedim(t: Tracer, value: Value, source: Any, target: Any) -> Value:
    """Axes to other places."""
    rank = len(value.dims)
    sources = [axis % rank for axis in (source if isinstance(source, list | tuple) else [source])]
    targets = [axis % rank for axis in (target if isinstance(target, list | tuple) else [target])]
    placed = dict(zip(targets, sources, strict=True))
    rest = iter(axis for axis in range(rank) if axis not in sources)
    return t.permute(value, [placed[axis] if axis in placed else next(rest) for axis in range(rank)])


@rule("aten.expand", "aten.expand_as", "aten.broadcast_to", "aten.expand_copy")
def expand(t: Tracer, value: Value, *_: Any, **__: Any) -> Value:
    """Repeat along axes of size 1."""
    return t.expand(value, t.shape)


@rule("aten.broadcast_tensors")
def broadcast_tensors(t: Tracer, values: Sequence[Value]) -> list[Value]:
    """All of one shape."""
    return [t.expand(value, shape) for value, shape in zip(values, t.shape, strict=True)]


@rule("aten.repeat", "aten.tile")
def repeat(t: Tracer, value: Value, counts: Sequence[int]) -> Value:
    """Copies one after the other: a new slow factor an axis."""
    lead = len(t.shape) - len(value.dims)
    sizes = [1] * lead + list(value.shape)
    counts = [1] * (len(sizes) - len(counts)) + list(counts)
    wide = t.reshape(value, [size for pair in zip([1] * len(sizes), sizes, strict=True) for size in pair])
    wide = t.expand(wide, [size for pair in zip(counts, sizes, strict=True) for size in pair])
    return t.reshape(wide, t.shape)


@rule("aten.repeat_interleave")
def repeat_interleave(t: Tracer, value: Value, count: Any = None, dim: int | None = None, **_: Any) -> Value:
    """Each entry several times in a row: a new fast factor."""
    if not isinstance(count, int) or dim is None:
        return t.opaque(value)
    axis = dim % len(value.dims)
    sizes = list(value.shape)
    wide = t.reshape(value, [*sizes[: axis + 1], 1, *sizes[axis + 1 :]])
    wide = t.expand(wide, [*sizes[: axis + 1], count, *sizes[axis + 1 :]])
    return t.reshape(wide, t.shape)


@rule("aten.slice", "aten.narrow", "aten.slice_copy")
def slice_(
    t: Tracer, value: Value, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Value:
    """A run of entries of one axis; with a step, the axis is fixed."""
    size = value.dims[dim].size
    if t.op == "aten.narrow":
        stop = (start or 0) + (stop or 0)
    low = min(max((start or 0) + (size if (start or 0) < 0 else 0), 0), size)
    high = size if stop is None else min(max(stop + (size if stop < 0 else 0), low), size)
    if step != 1:
        return every_nth(t, value, dim % len(value.dims))
    return value if high - low == size else t.slice(value, dim, low, high)


def every_nth(t: Tracer, value: Value, axis: int) -> Value:
    """An axis is fixed and comes out with another size; the others stay."""
    fix(value.dims[axis])
    dims = [leaf(size, fixed=True) if a == axis else value.dims[a] for a, size in enumerate(t.shape)]
    out = t.derived(dims, [value], "", [[(0, a)] for a in range(len(dims))])
    labels = tuple(range(len(dims)))
    old = tuple(("old", a) if a == axis else a for a in labels)
    t.steps.append(Step("equal", out, (value,), (labels, old)))
    return out


@rule("aten.select", "aten.select_copy")
def select(t: Tracer, value: Value, dim: int, index: Any) -> Value:
    """One entry of an axis; it keeps its place, the entries before and after it may still move."""
    size = value.dims[dim].size
    if isinstance(index, int) and not is_fixed(value.dims[dim]):
        value = t.slice(value, dim, index % size, index % size + 1)
    return t.select(value, dim)


@rule(
    "aten.split", "aten.split_with_sizes", "aten.chunk", "aten.tensor_split", "aten.unsafe_split", "aten.unsafe_chunk"
)
def split(t: Tracer, value: Value, _sizes: Any = None, dim: int = 0) -> list[Value]:
    """Consecutive runs of one axis."""
    pieces, start = [], 0
    for shape in t.shape:
        stop = start + shape[dim]
        pieces.append(value if shape[dim] == value.dims[dim].size else t.slice(value, dim, start, stop))
        start = stop
    return pieces


@rule("aten.unbind")
def unbind(t: Tracer, value: Value, dim: int = 0) -> list[Value]:
    """All entries of one axis, each by itself."""
    fix(value.dims[dim])
    return [t.select(value, dim) for _ in range(value.dims[dim].size)]


@rule("aten.cat", "aten.concat", "aten.concatenate")
def cat(t: Tracer, values: Sequence[Value], dim: int = 0) -> Value:
    """Concatenate along an axis."""
    full = [value for value in values if len(value.dims) == len(t.shape) and 0 not in value.shape]
    return t.join(full, dim) if len(full) > 1 else full[0]


@rule("aten.stack")
def stack(t: Tracer, values: Sequence[Value], dim: int = 0) -> Value:
    """Concatenate along a new axis, which is fixed."""
    axis = dim % len(t.shape)
    lead = list(t.shape[:axis])
    return t.join([t.reshape(value, [*lead, 1, *t.shape[axis + 1 :]]) for value in values], axis)


@rule("aten.hstack", "aten.vstack", "aten.column_stack", "aten.dstack")
def stack_named(t: Tracer, values: Sequence[Value]) -> Value:
    """Stacks that this toolkit doesn't look into."""
    return t.opaque(*values)
