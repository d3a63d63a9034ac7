"""Operators that move entries: reshape, permute, slice, concatenate, pad, index."""

from collections.abc import Sequence
from typing import Any

import torch

from weightspace.space.algebra.dims import fix, is_fixed, leaf
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.pending import Part, reshaped, stacked
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule(
    "aten.view", "aten.reshape", "aten._unsafe_view", "aten.flatten", "aten.unflatten", "aten.squeeze",
    "aten.unsqueeze", "aten.view_as", "aten.reshape_as", "aten._reshape_alias", "aten.view_copy", "aten.squeeze_copy",
    "aten.unsqueeze_copy", "aten.ravel", "aten.atleast_1d",
)  # fmt: skip
def reshape(op: Operation, value: Value, *sizes: Any) -> Part:
    """The same entries under other sizes, which the traced graph already gives; or their bits read as another type."""
    if sizes and isinstance(sizes[0], torch.dtype):
        return op.pointwise("opaque", value) if value.shape == op.shape else op.opaque(value)
    return reshaped(op, value, op.shape)


@rule("aten.permute", "aten.permute_copy")
def permute(op: Operation, value: Value, order: Sequence[int]) -> Value:
    """Axes in another order."""
    return op.permute(value, order)


@rule("aten.transpose", "aten.swapaxes", "aten.transpose_copy")
def transpose(op: Operation, value: Value, one: int, other: int) -> Value:
    """Two axes change places."""
    order = list(range(len(value.dims)))
    if order:
        order[one], order[other] = order[other], order[one]
    return op.permute(value, order)


@rule("aten.t", "aten.numpy_T", "aten.mT", "aten.adjoint")
def transpose_last(op: Operation, value: Value) -> Value:
    """The last two axes change places."""
    return transpose(op, value, -1, -2) if len(value.dims) > 1 else value


@rule("aten.movedim")
def movedim(op: Operation, value: Value, source: Any, target: Any) -> Value:
    """Axes to other places."""
    rank = len(value.dims)
    sources = [axis % rank for axis in (source if isinstance(source, list | tuple) else [source])]
    targets = [axis % rank for axis in (target if isinstance(target, list | tuple) else [target])]
    placed = dict(zip(targets, sources, strict=True))
    rest = iter(axis for axis in range(rank) if axis not in sources)
    return op.permute(value, [placed[axis] if axis in placed else next(rest) for axis in range(rank)])


@rule("aten.expand", "aten.expand_as", "aten.broadcast_to", "aten.expand_copy")
def expand(op: Operation, value: Value, *_: Any, **__: Any) -> Value:
    """Repeat along axes of size 1."""
    return op.expand(value, op.shape)


@rule("aten.broadcast_tensors")
def broadcast_tensors(op: Operation, values: Sequence[Value]) -> list[Value]:
    """All of one shape."""
    return [op.expand(value, shape) for value, shape in zip(values, op.shapes, strict=True)]


@rule("aten.repeat", "aten.tile")
def repeat(op: Operation, value: Value, counts: Sequence[int]) -> Value:
    """Copies one after the other: a new slow factor an axis."""
    lead = len(op.shape) - len(value.dims)
    sizes = [1] * lead + list(value.shape)
    counts = [1] * (len(sizes) - len(counts)) + list(counts)
    wide = op.reshape(value, [size for pair in zip([1] * len(sizes), sizes, strict=True) for size in pair])
    wide = op.expand(wide, [size for pair in zip(counts, sizes, strict=True) for size in pair])
    return op.reshape(wide, op.shape)


@rule("aten.repeat_interleave")
def repeat_interleave(op: Operation, value: Value, count: Any = None, dim: int | None = None, **_: Any) -> Value:
    """Each entry several times in a row: a new fast factor."""
    if not isinstance(count, int) or dim is None:
        return op.opaque(value)
    axis = dim % len(value.dims)
    sizes = list(value.shape)
    wide = op.reshape(value, [*sizes[: axis + 1], 1, *sizes[axis + 1 :]])
    wide = op.expand(wide, [*sizes[: axis + 1], count, *sizes[axis + 1 :]])
    return op.reshape(wide, op.shape)


@rule("aten.slice", "aten.narrow", "aten.slice_copy")
def slice_(op: Operation, value: Value, dim: int = 0, start: Any = None, stop: Any = None, step: int = 1) -> Value:
    """A run of entries of one axis; with a step, or where its ends vary with the inputs, the axis is fixed."""
    size = value.dims[dim].size
    if isinstance(start, torch.SymInt) or isinstance(stop, torch.SymInt):
        return op.resized(value, [dim], op.shape)
    if op.name == "aten.narrow":
        stop = (start or 0) + (stop or 0)
    low = min(max((start or 0) + (size if (start or 0) < 0 else 0), 0), size)
    high = size if stop is None else min(max(stop + (size if stop < 0 else 0), low), size)
    if step != 1:
        return _every(op, value, dim % len(value.dims), low, high, step)
    return value if high - low == size else op.slice(value, dim, low, high)


def _every(op: Operation, value: Value, axis: int, low: int, high: int, step: int) -> Value:
    """Every second entry is the first of each pair: pairs may move, as pairs; otherwise the axis is fixed."""
    size = value.dims[axis].size
    if size % step or high != size or low >= step or is_fixed(value.dims[axis]):
        return op.resized(value, [axis], op.shape)
    wide = op.reshape(value, [*value.shape[:axis], size // step, step, *value.shape[axis + 1 :]])
    return op.select(op.slice(wide, axis + 1, low, low + 1), axis + 1)


@rule("aten.view_as_real", "aten.view_as_real_copy")
def view_as_real(op: Operation, value: Value) -> Value:
    """Complex numbers as pairs on a last axis, which is fixed."""
    rank = len(value.dims)
    return op.mapped("equal", [value], [*value.dims, leaf(2, fixed=True)], [*([(0, axis)] for axis in range(rank)), []])


@rule("aten.view_as_complex", "aten.view_as_complex_copy")
def view_as_complex(op: Operation, value: Value) -> Value:
    """Pairs on the last axis as complex numbers."""
    return op.select(value, -1)


@rule("aten.select", "aten.select_copy")
def select(op: Operation, value: Value, dim: int, index: Any) -> Value:
    """One entry of an axis; it keeps its place, the entries before and after it may still move."""
    size = value.dims[dim].size
    if isinstance(index, int) and not is_fixed(value.dims[dim]):
        value = op.slice(value, dim, index % size, index % size + 1)
    return op.select(value, dim)


@rule(
    "aten.split", "aten.split_with_sizes", "aten.chunk", "aten.tensor_split", "aten.unsafe_split", "aten.unsafe_chunk"
)
def split(op: Operation, value: Value, _sizes: Any = None, dim: int = 0) -> list[Value]:
    """Consecutive runs of one axis."""
    pieces, start = [], 0
    for shape in op.shapes:
        stop = start + shape[dim]
        pieces.append(value if shape[dim] == value.dims[dim].size else op.slice(value, dim, start, stop))
        start = stop
    return pieces


@rule("aten.unbind")
def unbind(op: Operation, value: Value, dim: int = 0) -> list[Value]:
    """All entries of one axis, each by itself."""
    fix(value.dims[dim])
    return [op.select(value, dim) for _ in range(value.dims[dim].size)]


@rule("aten.cat", "aten.concat", "aten.concatenate")
def cat(op: Operation, values: Sequence[Value], dim: int = 0) -> Value:
    """Concatenate along an axis."""
    full = [value for value in values if len(value.dims) == len(op.shape) and 0 not in value.shape]
    return op.join(full, dim) if len(full) > 1 else full[0]


@rule("aten.stack")
def stack(op: Operation, values: Sequence[Value], dim: int = 0) -> Part:
    """Concatenate along a new axis, which is fixed."""
    return stacked(op, values, dim % len(op.shape))


@rule("aten.hstack", "aten.vstack", "aten.column_stack", "aten.dstack")
def stack_named(op: Operation, values: Sequence[Value]) -> Value:
    """Stacks that this toolkit doesn't look into."""
    return op.opaque(*values)
