"""Lookups: rows of a table at places given by data."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix, leaf
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.place import settle_places
from weightspace.space.rules.registry import rule


@rule("aten.embedding")
def embedding(op: Operation, weight: Value, index: Value, *_: Any, **__: Any) -> Value:
    """Rows of a table: its first axis is indexed, so it is fixed."""
    return lookup(op, weight, index)


def lookup(op: Operation, weight: Value, index: Value) -> Value:
    """Entries of the first axis of ``weight`` at the places in ``index``."""
    settle_places(weight, 0, index)
    for dim in index.dims:
        fix(dim)
    dims = [leaf(dim.size, fixed=True) for dim in index.dims] + list(weight.dims[1:])
    where = [()] * len(index.dims) + [[(0, axis)] for axis in range(1, len(weight.dims))]
    out = op.mapped("equal", [weight], dims, where, "lookup", also=[index])
    if weight.origin and not weight.site and index.site:
        target = list(range(1, len(weight.dims)))
        out.site = op.book.weight(weight, index, target, [0], "embedding")
        out.origin = {}
    return out


@rule("aten.embedding_bag", "aten._embedding_bag", "aten._embedding_bag_forward_only")
def embedding_bag(op: Operation, weight: Value, index: Value, offsets: Value, *_: Any, **__: Any) -> tuple[Value, ...]:
    """Sums of rows of a table."""
    rows = lookup(op, weight, op.reshape(index, [index.dims[0].size]) if len(index.dims) == 1 else index)
    out = op.reduce(rows, list(range(len(rows.dims) - 1)), keep=False)
    bags = op.expand(op.reshape(out, [1, *out.shape]), op.shape)
    for dim in (bags.dims[0], *offsets.dims):
        fix(dim)
    return bags, *(op.opaque(shape=shape) for shape in op.shapes[1:])


@rule("aten.index_select")
def index_select(op: Operation, value: Value, dim: int, index: Value) -> Value:
    """Entries of one axis at given places."""
    first = [dim % len(value.dims), *(a for a in range(len(value.dims)) if a != dim % len(value.dims))]
    out = lookup(op, op.permute(value, first), index)
    order = list(range(1, len(value.dims)))
    return op.permute(out, [*order[: dim % len(value.dims)], 0, *order[dim % len(value.dims) :]])


@rule("aten.index")
def index(op: Operation, value: Value, indices: Sequence[Value | None]) -> Value:
    """Entries at given places: the indexed axes are fixed, the others stay."""
    places = [axis for axis, place in enumerate(indices) if place is not None]
    given = [place for place in indices if place is not None]
    if any(place.dtype.is_floating_point or str(place.dtype) == "torch.bool" for place in given):
        return op.opaque(value, *given)
    for place in given:
        for dim in place.dims:
            fix(dim)
    for axis, place in zip(places, given, strict=True):
        settle_places(value, axis, place)
    together = places == list(range(places[0], places[0] + len(places)))
    kept = [axis for axis in range(len(value.dims)) if axis not in places]
    rank = len(op.shape) - len(kept)
    at = places[0] if together else 0
    layout: list[Any] = [*kept[:at], *([None] * rank), *kept[at:]]
    dims = [
        leaf(size, fixed=True) if axis is None else value.dims[axis]
        for axis, size in zip(layout, op.shape, strict=True)
    ]
    where = [[] if axis is None else [(0, axis)] for axis in layout]
    return op.mapped("equal", [value], dims, where, "lookup", also=given)


@rule("aten.embedding_renorm")
def renormalize(op: Operation, weight: Value, index: Value, _length: float, kind: float) -> Value:
    """Rows that are too long are shortened: a length forgets the order and the signs of the entries."""
    for dim in (weight.dims[0], *index.dims):
        fix(dim)
    return op.pointwise("odd" if kind > 0 else "opaque", weight)
