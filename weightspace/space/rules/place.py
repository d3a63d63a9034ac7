"""Operators that read or write at places given by data: the axes that are indexed are fixed, the others stay."""

from collections.abc import Sequence
from typing import Any

import torch

from weightspace.space.algebra.dims import fix, leaf, unify
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.kthvalue")
def kth_value(op: Operation, value: Value, _rank: int, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    """The entry of a given rank along an axis; where it stood fixes that axis, if anything reads it."""
    if 1 in op.wanted:
        fix(value.dims[dim])
    found = op.reduce(value, [dim], keepdim, kind="positive")
    return found, op.result(1).reduce(value, [dim], keepdim, kind="order")


@rule("aten.gather", "aten.take_along_dim")
def gather(op: Operation, value: Value, *args: Any, **kwargs: Any) -> Value:
    """Entry by entry, a place along one axis."""
    given = [*args, *kwargs.values()]
    index = next(arg for arg in given if isinstance(arg, Value))
    dim = next((arg for arg in given if isinstance(arg, int) and not isinstance(arg, bool)), None)
    if dim is None or len(index.dims) != len(value.dims):
        return op.opaque(value, index)
    _along(value, [index], dim)
    dims = [leaf(d.size, fixed=True) if a == dim % len(value.dims) else d for a, d in enumerate(index.dims)]
    return op.mapped("equal", [value, op.silent(index)], dims, [[(0, a)] for a in range(len(dims))])


@rule("aten.scatter", "aten.scatter_add", "aten.scatter_reduce")
def scatter(op: Operation, value: Value, dim: int, index: Value, source: Any = None, *_: Any, **__: Any) -> Value:
    """Entry by entry, written to a place along one axis."""
    others = [part for part in (index, source) if isinstance(part, Value) and part.dims]
    if any(len(part.dims) != len(value.dims) for part in others):
        return op.opaque(value, *others)
    _along(value, others, dim)
    return _written(op, value, others)


def _written(op: Operation, value: Value, others: Sequence[Value]) -> Value:
    """A value with other entries in some of its places."""
    axes = [[(0, axis)] for axis in range(len(value.dims))]
    return op.mapped("opaque", [value, *map(op.silent, others)], value.dims, axes)


def _along(value: Value, others: Sequence[Value], dim: int) -> None:
    """Fix one axis everywhere; along the rest the tensors move together, or not at all where they differ in size."""
    for part in others:
        for axis, (one, other) in enumerate(zip(value.dims, part.dims, strict=True)):
            if axis == dim % len(value.dims) or one.size != other.size:
                fix(one)
                fix(other)
            else:
                unify(one, other)


@rule("aten.index_add", "aten.index_copy")
def index_add(op: Operation, value: Value, dim: int, index: Value, source: Value, **_: Any) -> Value:
    """Slices written to places along one axis."""
    for part in index.dims:
        fix(part)
    _along(value, [source], dim)
    axes = [[(0, axis), (1, axis)] for axis in range(len(value.dims))]
    return op.mapped("equal", [value, source], value.dims, axes, "residual")


@rule("aten.index_put", "aten._unsafe_index_put", "aten._index_put_impl")
def index_put(op: Operation, value: Value, indices: Sequence[Value | None], new: Value, *_: Any) -> Value:
    """Entries written at given places: the indexed axes are fixed, the others move with the new entries'."""
    masks = [place for place in indices if place is not None and place.dtype == torch.bool]
    if len(masks) == 1 and indices[0] is masks[0] and len(indices) == 1:
        return _masked(op, value, masks[0], new)
    places = [axis for axis, place in enumerate(indices) if place is not None]
    given = [place for place in indices if place is not None]
    kept = [axis for axis in range(len(value.dims)) if axis not in places]
    masked = any(str(place.dtype) == "torch.bool" for place in given)
    if masked or places != list(range(len(places))):  # only where the kept axes are the last ones of the new entries
        return op.opaque(value, new, *given)
    for dim in [value.dims[axis] for axis in places] + [dim for place in given for dim in place.dims]:
        fix(dim)
    tail = [value.dims[axis] for axis in kept]
    for one, other in zip(tail[::-1], new.dims[::-1], strict=False):
        if one.size == other.size:
            unify(one, other)
        else:
            fix(one)
    for dim in new.dims[: max(0, len(new.dims) - len(tail))]:
        fix(dim)
    return _written(op, value, [new, *given])


def _masked(op: Operation, value: Value, mask: Value, new: Value) -> Value:
    """Entries chosen by a mask of the leading axes, all written with the same new ones."""
    count = len(mask.dims)
    tail = value.dims[count:]
    lead = new.dims[: max(0, len(new.dims) - len(tail))]
    if any(dim.size > 1 for dim in lead):
        return op.opaque(value, new, mask)
    shaped = op.with_dtype(mask.dtype).reshape(mask, [*mask.shape, *[1] * len(tail)])
    filled = op.with_dtype(new.dtype).reshape(new, new.shape[len(lead) :])
    kept = op.pointwise("equal", value, filled)
    return op.pointwise("product", kept, op.with_dtype(mask.dtype).pointwise("opaque", shaped))
