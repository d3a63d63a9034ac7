"""Operators that move entries: reshape, permute, slice, concatenate, pad, index."""

from collections.abc import Sequence
from math import prod
from typing import Any

from weightspace.space.dims import fix, is_fixed, leaf
from weightspace.space.rules.linear import lookup
from weightspace.space.rules.registry import rule
from weightspace.space.tracer import Tracer
from weightspace.space.value import Step, Value


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


@rule("aten.pad", "aten.constant_pad_nd")
def pad(t: Tracer, value: Value, padding: Sequence[int], mode: Any = "constant", fill: Any = None) -> Value:
    """Padding with zeros adds fixed entries before and after; any other padding fixes the axis."""
    if not isinstance(mode, str):
        mode, fill = "constant", mode
    zeros = mode == "constant" and min(padding) >= 0
    rank = len(value.dims)
    for index in range(len(padding) // 2):
        axis, before, after = rank - 1 - index, padding[2 * index], padding[2 * index + 1]
        if before == after == 0:
            continue
        value = _pad_axis(t, value, axis, before, after, fill or 0.0) if zeros else _resized(t, value, axis)
    return value


def _pad_axis(t: Tracer, value: Value, axis: int, before: int, after: int, fill: float) -> Value:
    kind = "zero" if fill == 0 else "uniform"
    shape = list(value.shape)
    sides = [t.constant(kind, [*shape[:axis], size, *shape[axis + 1 :]]) for size in (before, after)]
    return t.join([side for side in (sides[0], value, sides[1]) if 0 not in side.shape], axis)


def _resized(t: Tracer, value: Value, axis: int) -> Value:
    fix(value.dims[axis])
    dims = [
        leaf(size, fixed=True) if a == axis else d for a, (size, d) in enumerate(zip(t.shape, value.dims, strict=True))
    ]
    out = t.derived(dims, [value], "", [[(0, a)] for a in range(len(dims))])
    labels = tuple(range(len(dims)))
    t.steps.append(Step("equal", out, (value,), (labels, tuple(("old", a) if a == axis else a for a in labels))))
    return out


@rule("aten._fft_r2c", "aten._fft_c2r", "aten._fft_c2c")
def fourier(t: Tracer, value: Value, axes: Sequence[int], *_: Any) -> Value:
    """Fourier transforms mix along some axes, which are fixed."""
    gone = {axis % len(value.dims) for axis in axes}
    for axis in gone:
        fix(value.dims[axis])
    labels = [("old", a) if a in gone else a for a in range(len(value.dims))]
    return t.einsum([value], [labels], range(len(labels)), sizes={axis: t.shape[axis] for axis in gone})


@rule("aten.roll", "aten.flip", "aten.cumsum", "aten.cumprod", "aten.sort", "aten.flip_copy")
def reorder(t: Tracer, value: Value, *args: Any, **kwargs: Any) -> Any:
    """The entries of some axes depend on their places; those axes are fixed, the others stay."""
    given = args[-1] if t.op == "aten.roll" and len(args) > 1 else kwargs.get("dim", args[0] if args else -1)
    axes = given if isinstance(given, list | tuple) else [given]
    if t.op == "aten.roll" and len(args) < 2 and "dims" not in kwargs:
        axes = range(len(value.dims))
    for axis in axes:
        fix(value.dims[axis])
    kind = "equal" if t.op in ("aten.roll", "aten.flip", "aten.cumsum") else "opaque"
    out = t.pointwise(kind, value)
    return (out, t.pointwise("opaque", value)) if t.op == "aten.sort" else out


@rule("aten.index_select")
def index_select(t: Tracer, value: Value, dim: int, index: Value) -> Value:
    """Entries of one axis at given places."""
    first = [dim % len(value.dims), *(a for a in range(len(value.dims)) if a != dim % len(value.dims))]
    out = lookup(t, t.permute(value, first), index)
    order = list(range(1, len(value.dims)))
    return t.permute(out, [*order[: dim % len(value.dims)], 0, *order[dim % len(value.dims) :]])


@rule("aten.index")
def index(t: Tracer, value: Value, indices: Sequence[Value | None]) -> Value:
    """Entries at given places: the indexed axes are fixed, the others stay."""
    places = [axis for axis, place in enumerate(indices) if place is not None]
    given = [place for place in indices if place is not None]
    if any(place.dtype.is_floating_point or str(place.dtype) == "torch.bool" for place in given):
        return t.opaque(value, *given)
    for place in given:
        for dim in place.dims:
            fix(dim)
    for axis in places:
        fix(value.dims[axis])
    together = places == list(range(places[0], places[0] + len(places)))
    kept = [axis for axis in range(len(value.dims)) if axis not in places]
    rank = len(t.shape) - len(kept)
    at = places[0] if together else 0
    layout: list[Any] = [*kept[:at], *([None] * rank), *kept[at:]]
    dims = [
        leaf(size, fixed=True) if axis is None else value.dims[axis] for axis, size in zip(layout, t.shape, strict=True)
    ]
    where = [[] if axis is None else [(0, axis)] for axis in layout]
    indexing = [Value(place.dims, place.dtype, place.site) for place in given]
    out = t.derived(dims, [value, *indexing], "lookup", where)
    labels = tuple(("index", i) if axis is None else axis for i, axis in enumerate(layout))
    t.steps.append(Step("equal", out, (value,), (labels, tuple(range(len(value.dims))))))
    return out


@rule("aten.slice_scatter")
def slice_scatter(
    t: Tracer, value: Value, new: Value, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Value:
    """Some entries of one axis replaced by others."""
    size = value.dims[dim].size
    low = (start or 0) + (size if (start or 0) < 0 else 0)
    high = size if stop is None else min(stop + (size if stop < 0 else 0), size)
    if step != 1:
        return t.opaque(value, new)
    sides = [
        t.slice(value, dim, 0, low) if low else None,
        new,
        t.slice(value, dim, high, size) if high < size else None,
    ]
    pieces = [side for side in sides if side is not None]
    return t.join(pieces, dim) if len(pieces) > 1 else t.pointwise("equal", value, new)


@rule("aten.select_scatter")
def select_scatter(t: Tracer, value: Value, new: Value, dim: int, index: int) -> Value:
    """One entry of an axis replaced; it keeps its place."""
    axis = dim % len(value.dims)
    place = index % value.dims[axis].size
    shape = [1 if a == axis else size for a, size in enumerate(value.shape)]
    return slice_scatter(t, value, t.reshape(new, shape), axis, place, place + 1)


@rule("aten.pixel_shuffle", "aten.pixel_unshuffle")
def pixel_shuffle(t: Tracer, value: Value, factor: int) -> Value:
    """Channels to space or back: the axes are split, permuted and joined."""
    *lead, c, h, w = value.shape
    n = len(lead)
    if t.op == "aten.pixel_shuffle":
        value = t.reshape(value, [*lead, c // factor**2, factor, factor, h, w])
        order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    else:
        value = t.reshape(value, [*lead, c, h // factor, factor, w // factor, factor])
        order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return t.reshape(t.permute(value, order), t.shape)


@rule("aten.channel_shuffle", "aten.native_channel_shuffle")
def channel_shuffle(t: Tracer, value: Value, groups: int) -> Value:
    """Channels as (groups, rest), transposed."""
    n, c, *rest = value.shape
    wide = t.reshape(value, [n, groups, c // groups, *rest])
    return t.reshape(t.permute(wide, [0, 2, 1, *range(3, 3 + len(rest))]), t.shape)


@rule("aten.im2col", "aten.unfold")
def unfold(t: Tracer, value: Value, *args: Any) -> Value:
    """Patches: channels become (channels, kernel), space is fixed."""
    if t.op == "aten.unfold":
        out = _unfold_axis(t, value, args[0])
        return out
    kernel = prod(args[0])
    for dim in value.dims[-2:]:
        fix(dim)
    wide = t.einsum([value], [["n", "c", "h", "w"]], ["n", "c", "k", "l"], sizes={"k": kernel, "l": t.shape[-1]})
    return t.reshape(wide, t.shape)


def _unfold_axis(t: Tracer, value: Value, dim: int) -> Value:
    axis = dim % len(value.dims)
    fix(value.dims[axis])
    labels = [("old", a) if a == axis else a for a in range(len(value.dims))]
    outs = [*range(len(value.dims)), "window"]
    return t.einsum([value], [labels], outs, sizes={axis: t.shape[axis], "window": t.shape[-1]})
