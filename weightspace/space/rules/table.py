"""Lookups: rows of a table at places given by data."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix, leaf
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Step, Value
from weightspace.space.rules.registry import rule


@rule("aten.embedding")
def embedding(t: Tracer, weight: Value, index: Value, *_: Any, **__: Any) -> Value:
    """Rows of a table: its first axis is indexed, so it is fixed."""
    return lookup(t, weight, index)


def lookup(t: Tracer, weight: Value, index: Value) -> Value:
    """Entries of the first axis of ``weight`` at the places in ``index``."""
    fix(weight.dims[0])
    for dim in index.dims:
        fix(dim)
    dims = [leaf(dim.size, fixed=True) for dim in index.dims] + list(weight.dims[1:])
    where = [()] * len(index.dims) + [[(0, axis)] for axis in range(1, len(weight.dims))]
    out = t.derived(dims, [weight, Value(index.dims, index.dtype, index.site)], "", where)
    labels = [("index", axis) for axis in range(len(index.dims))]
    tail = [("tail", axis) for axis in range(1, len(weight.dims))]
    t.steps.append(Step("equal", out, (weight,), ((*labels, *tail), ("rows", *tail))))
    if weight.origin and not weight.site and index.site:
        target = list(range(1, len(weight.dims)))
        out.site = t.book.weight(weight, index, target, [0], "embedding")
        out.origin = {}
    return out


@rule("aten.embedding_bag", "aten._embedding_bag", "aten._embedding_bag_forward_only")
def embedding_bag(t: Tracer, weight: Value, index: Value, offsets: Value, *_: Any, **__: Any) -> tuple[Value, ...]:
    """Sums of rows of a table."""
    shapes, t.shape = t.shape, t.shape[0]
    rows = lookup(t, weight, t.reshape(index, [index.dims[0].size]) if len(index.dims) == 1 else index)
    out = t.reduce(rows, list(range(len(rows.dims) - 1)), keep=False)
    bags = t.expand(t.reshape(out, [1, *out.shape]), shapes[0])
    for dim in (bags.dims[0], *offsets.dims):
        fix(dim)
    t.shape = shapes
    return bags, *(t.opaque(shape=shape) for shape in shapes[1:])


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
