"""Operators that read or write at places given by data: the axes that are indexed are fixed, the others stay."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix, leaf, unify
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.topk", "aten.kthvalue")
def topk(op: Operation, value: Value, _count: Any, dim: int = -1, *_: Any, **__: Any) -> tuple[Value, Value]:
    """The largest entries of an axis and their places."""
    axis = dim % len(value.dims)
    fix(value.dims[axis])
    if len(op.shape) == len(value.dims):
        found = op.resized(value, [axis], op.shape)
    else:
        found = op.select(value, axis)
    return op.pointwise("opaque", found), op.result(1).pointwise("opaque", found)


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
