"""Operators that read or write at places given by data: the axes that are indexed are fixed, the others stay.

Places that were found along the very axis that is indexed move with it, so that it stays free.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from weightspace.space.algebra.dims import Dim, find, fix, leaf
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.refine import unify
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule

# Operators after which the numbers are the same places, one to one.
_KEEPS = frozenset(
    f"aten.{name}"
    for name in (
        "view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "t",
        "expand", "expand_as", "clone", "contiguous", "to", "_to_copy", "detach", "alias", "select", "slice", "split",
        "unbind", "chunk", "repeat_interleave", "repeat",
    )
)  # fmt: skip

# Operators that read entries at places; what they read may be places too.
_READS = frozenset(f"aten.{name}" for name in ("gather", "take_along_dim", "index", "index_select", "embedding"))
_WRITES = frozenset(
    f"aten.{name}" for name in ("scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "one_hot")
)

KNOWS_PLACES = _KEEPS | _READS | _WRITES


def forget_places(values: Iterable[Value]) -> None:
    """The numbers are used for something else, to which it matters where the entries stand."""
    for value in values:
        if value.places is not None:
            fix(value.places)


def keep_places(name: str, values: Sequence[Value], found: Any) -> Any:
    """What an operator gives; where it only moves places around, they are still places along the same axis."""
    places = values[0].places if values else None
    if places is None or name not in _KEEPS | _READS:
        return found
    for result in found if isinstance(found, list | tuple) else [found]:
        if result.dtype.is_floating_point or result.dtype.is_complex:
            fix(places)
        else:
            result.places = places
    return found


def places_along(op: Operation, value: Value, axis: int) -> Dim | None:
    """The axis along which a result tells places, if those move with it.

    Where entries may be equal, the first of them is told: that fixes the axis, if anything reads the result.
    """
    dim = find(value.dims[axis])
    once = [find(other) for other in value.dims].count(dim) == 1
    if once and dim in {find(other) for other in value.distinct}:
        return dim
    if 1 in op.wanted or not op.several:
        fix(dim)
    return None


def with_places(index: Value, dim: Dim | None) -> Value:
    """Numbers that are places along an axis."""
    index.places = dim
    return index


def settle_places(value: Value, axis: int, index: Value) -> None:
    """An axis is read or written at places: it moves with them if they were found along it, and is fixed otherwise."""
    dim = value.dims[axis]
    if index.places is not None and index.places.size == dim.size:
        unify(dim, index.places)
    else:
        fix(dim)
        forget_places([index])


@rule("aten.sort", "aten.topk")
def ranked(op: Operation, value: Value, *args: Any, dim: int | None = None, **_: Any) -> tuple[Value, Value]:
    """The entries of an axis by size: their ranks are fixed, while they come from anywhere, unless one asks whence."""
    given = [arg for arg in args if not isinstance(arg, bool)]
    place = given[1:] if op.name == "aten.topk" else given
    axis = (dim if dim is not None else place[0] if place else -1) % len(value.dims)
    places = places_along(op, value, axis)
    dims = [leaf(op.shape[a], fixed=True) if a == axis else d for a, d in enumerate(value.dims)]
    axes = [[] if a == axis else [(0, a)] for a in range(len(dims))]
    index = op.result(1).mapped("order", [value], dims, axes)
    return op.mapped("positive", [value], dims, axes), with_places(index, places)


@rule("aten.argsort")
def ranking(op: Operation, value: Value, *args: Any, dim: int | None = None, **_: Any) -> Value:
    """Only whence the entries come."""
    given = [arg for arg in args if not isinstance(arg, bool)]
    axis = (dim if dim is not None else given[0] if given else -1) % len(value.dims)
    dims = [leaf(op.shape[a], fixed=True) if a == axis else d for a, d in enumerate(value.dims)]
    ranked = op.mapped("positive", [value], dims, [[] if a == axis else [(0, a)] for a in range(len(dims))])
    return with_places(op.pointwise("order", ranked), places_along(op, value, axis))


@rule("aten.kthvalue")
def kth_value(op: Operation, value: Value, _rank: int, dim: int = -1, keepdim: bool = False) -> tuple[Value, Value]:
    """The entry of a given rank along an axis, and where it stood."""
    found = op.reduce(value, [dim], keepdim, kind="positive")
    index = op.result(1).reduce(value, [dim], keepdim, kind="order")
    return found, with_places(index, places_along(op, value, dim))


@rule("aten.one_hot")
def one_hot(op: Operation, index: Value, _count: int = -1) -> Value:
    """A one at each place, on a new axis, which moves with the places."""
    last = index.places
    if last is None or last.size != op.shape[-1]:
        for dim in index.dims if last is None else [last]:
            fix(dim)
        last = leaf(op.shape[-1], fixed=True)
    dims = [*index.dims, last]
    return op.mapped("opaque", [index], dims, [*([(0, axis)] for axis in range(len(index.dims))), []])


@rule("aten.gather", "aten.take_along_dim")
def gather(op: Operation, value: Value, *args: Any, **kwargs: Any) -> Value:
    """Entry by entry, a place along one axis."""
    given = [*args, *kwargs.values()]
    index = next(arg for arg in given if isinstance(arg, Value))
    dim = next((arg for arg in given if isinstance(arg, int) and not isinstance(arg, bool)), None)
    if dim is None or len(index.dims) != len(value.dims):
        return op.opaque(value, index)
    axis = dim % len(value.dims)
    _beside(value, [index], axis)
    fix(index.dims[axis])
    settle_places(value, axis, index)
    dims = [leaf(d.size, fixed=True) if a == axis else d for a, d in enumerate(index.dims)]
    where = [[] if a == axis else [(0, a)] for a in range(len(dims))]
    return op.mapped("equal", [value], dims, where, also=[index])


_REDUCTIONS = {"sum": "equal", "mean": "equal", "amax": "positive", "amin": "positive"}


@rule("aten.scatter", "aten.scatter_add", "aten.scatter_reduce")
def scatter(
    op: Operation, value: Value, dim: int, index: Value, source: Any = None, reduce: str | None = None, **_: Any
) -> Value:
    """Entry by entry, written or added to a place along one axis."""
    parts = [part for part in (index, source) if isinstance(part, Value) and part.dims]
    if any(len(part.dims) != len(value.dims) for part in parts):
        return op.opaque(value, *parts)
    axis = dim % len(value.dims)
    _beside(value, parts, axis)
    for part in parts:
        fix(part.dims[axis])
    forget_places([value, *parts[1:]])
    settle_places(value, axis, index)
    sources = [source] if isinstance(source, Value) and source.dims else []
    kind = _REDUCTIONS.get(reduce, "opaque") if reduce is not None else "equal"
    if not sources and source != 0:
        kind = "opaque"
    where = [[(i, a) for i in range(1 + len(sources)) if a != axis or i == 0] for a in range(len(value.dims))]
    return op.mapped(kind, [value, *sources], value.dims, where, "residual", also=[index])


def _beside(value: Value, others: Sequence[Value], axis: int) -> None:
    """Along all axes but one the tensors move together, or not at all where they differ in size."""
    for part in others:
        for number, (one, other) in enumerate(zip(value.dims, part.dims, strict=True)):
            if number != axis and one.size == other.size:
                unify(one, other)
            elif number != axis:
                fix(one)
                fix(other)


@rule("aten.index_add", "aten.index_copy")
def index_add(op: Operation, value: Value, dim: int, index: Value, source: Value, **_: Any) -> Value:
    """Slices written to places along one axis."""
    axis = dim % len(value.dims)
    _beside(value, [source], axis)
    for part in (*index.dims, source.dims[axis]):
        fix(part)
    forget_places([value, source])
    settle_places(value, axis, index)
    axes = [[(0, a), (1, a)] if a != axis else [(0, a)] for a in range(len(value.dims))]
    return op.mapped("equal", [value, source], value.dims, axes, "residual", also=[index])


@rule("aten.index_put", "aten._unsafe_index_put", "aten._index_put_impl")
def index_put(op: Operation, value: Value, indices: Sequence[Value | None], new: Value, *_: Any) -> Value:
    """Entries written at given places: the indexed axes are fixed, the others move with the new entries'."""
    masks = [place for place in indices if place is not None and place.dtype == torch.bool]
    if len(masks) == 1 and indices[0] is masks[0] and len(indices) == 1:
        return _masked(op, value, masks[0], new)
    places = [axis for axis, place in enumerate(indices) if place is not None]
    given = [place for place in indices if place is not None]
    if masks or places != list(range(len(places))):  # only where the kept axes are the last ones of the new entries
        return op.opaque(value, new, *given)
    for dim in [value.dims[axis] for axis in places] + [dim for place in given for dim in place.dims]:
        fix(dim)
    kept = list(range(len(places), len(value.dims)))
    where: list[list[tuple[int, int]]] = [[(0, axis)] for axis in range(len(value.dims))]
    for axis, other in zip(kept[::-1], range(len(new.dims) - 1, -1, -1), strict=False):
        if value.dims[axis].size == new.dims[other].size:
            unify(value.dims[axis], new.dims[other])
            where[axis].append((1, other))
        else:
            fix(value.dims[axis])
    for dim in new.dims[: max(0, len(new.dims) - len(kept))]:
        fix(dim)
    return op.mapped("equal", [value, new], value.dims, where, "residual", also=given)


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
