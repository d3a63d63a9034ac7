"""The primitives that rules are written in."""

import torch

from weightspace.space.algebra.dims import factors, find, is_fixed, leaf, terms
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.value import Value


def operation(shape=(), dtype=torch.float32):
    return Operation("aten.any", (shape,), (dtype,), False, frozenset(), Record())


def value(*sizes, **settings):
    return Value(tuple(leaf(size) for size in sizes), torch.float32, **settings)


def same(one, other):
    return find(one) is find(other)


def test_entry_by_entry_with_broadcasting():
    t, x, y = operation(), value(2, 3, 4), value(3, 1)
    out = t.pointwise("equal", x, y)
    assert out.shape == (2, 3, 4)
    assert same(x.dims[1], y.dims[0]) and same(out.dims[2], x.dims[2])
    assert t.record.steps[-1].labels == ((0, 1, 2), (0, 1, 2), (1, None))


def test_contraction_unifies_and_drops():
    t, x, w = operation(), value(2, 3), value(4, 3)
    out = t.einsum([x, w], [["n", "i"], ["o", "i"]], ["n", "o"])
    assert out.shape == (2, 4) and same(x.dims[1], w.dims[1])
    assert same(out.dims[0], x.dims[0]) and same(out.dims[1], w.dims[0])


def test_reduction_drops_or_keeps_one():
    t, x = operation(), value(2, 3)
    assert t.reduce(x, [1], keep=False).dims == (x.dims[0],)
    assert t.reduce(x, [-1], keep=True).shape == (2, 1)
    assert t.reduce(x, None, keep=False).shape == ()


def test_expanding_makes_fresh_axes():
    t, x = operation(), value(1, 3)
    out = t.expand(x, [5, 4, 3])
    assert out.shape == (5, 4, 3) and same(out.dims[2], x.dims[1]) and not is_fixed(out.dims[1])


def test_slices_and_joins():
    t, x = operation(), value(2, 6)
    low, high = t.slice(x, 1, 0, 4), t.slice(x, 1, 4, 6)
    assert [part.size for part in terms(x.dims[1])] == [4, 2]
    swapped = t.join([high, low], 1)
    assert [find(part) for part in terms(swapped.dims[1])] == [find(high.dims[1]), find(low.dims[1])]


def test_selecting_and_opaque_operators_fix():
    t, x, y = operation(), value(2, 3), value(4)
    assert t.select(x, 0).shape == (3,) and is_fixed(x.dims[0]) and not is_fixed(x.dims[1])
    out = t.opaque(y, shape=[7])
    assert is_fixed(y.dims[0]) and is_fixed(out.dims[0])


def test_where_a_value_comes_from():
    t = operation()
    w = value(4, 6, origin={"w": (frozenset([0]), frozenset([1]))})
    turned = t.permute(w, [1, 0])
    assert turned.origin == {"w": (frozenset([1]), frozenset([0]))}
    wide = t.reshape(turned, [2, 3, 4])
    assert wide.origin["w"] == (frozenset([1]), frozenset([1]), frozenset([0]))
    assert [find(part) for part in factors(w.dims[1])] == [find(dim) for dim in wide.dims[:2]]


def test_constants_stay_constants():
    t = operation()
    zero, one = t.constant("zero", [3]), t.constant("uniform", [3])
    assert not is_fixed(zero.dims[0]) and is_fixed(t.constant("data", [3]).dims[0])
    assert t.pointwise("equal", zero, zero).constant == "zero"
    assert t.pointwise("opaque", zero).constant == "uniform"  # its cosine, say
    assert t.pointwise("equal", zero, one).constant == "data"
    assert t.pointwise("equal", zero, value(3)).constant is None


def test_what_was_lost_is_named_once():
    t, x = Record(), value(3, origin={"w": (frozenset([0]),)})
    t.loses("aten.strange", [x])
    t.loses("aten.strange", [x, value(3)])
    assert {op: list(params) for op, params in t.lost.items()} == {"aten.strange": ["w"]}
