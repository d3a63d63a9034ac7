"""Values in parts: what reads one part leaves the others alone, what reads all of them ties them."""

import pytest

from tests.space.algebra.test_operation import operation, same, value
from weightspace.space.algebra.dims import is_fixed
from weightspace.space.algebra.pending import Pending, permuted, reshaped, stacked, whole_of
from weightspace.space.algebra.value import Value


def test_parts_of_a_stack_stay_apart_until_the_whole_is_read():
    t, one, other = operation(), value(2, 3), value(2, 3)
    both = stacked(t, [one, other], 1)
    assert both.shape == (2, 2, 3) and both.along(1) == [one, other] and both.along(0) is None
    assert not same(one.dims[1], other.dims[1])
    assert both.whole.shape == (2, 2, 3) and same(one.dims[1], other.dims[1])


def test_axes_in_another_order_carry_the_parts_along():
    t, one, other = operation(), value(2, 3), value(2, 3)
    turned = permuted(t, stacked(t, [one, other], 0), [2, 0, 1])
    assert turned.shape == (3, 2, 2)
    first = turned.along(1)[0]
    assert same(first.dims[0], one.dims[1]) and same(first.dims[1], one.dims[0])
    assert not same(one.dims[1], other.dims[1])


def test_a_stack_laid_flat_is_a_concatenation():
    t, one, other = operation(), value(2, 3), value(2, 3)
    flat = reshaped(t, stacked(t, [one, other], 1), [2, 6])
    assert isinstance(flat, Value) and flat.shape == (2, 6)
    assert not same(one.dims[1], other.dims[1]) and not is_fixed(flat.dims[1])


def test_a_stack_behind_which_its_axis_is_split_is_nested():
    t, parts = operation(), [value(2, 3) for _ in range(4)]
    nested = reshaped(t, stacked(t, parts, 0), [2, 2, 2, 3])
    inner = nested.along(0)[1]
    assert inner.along(0)[0] is parts[2] and inner.shape == (2, 2, 3)


def test_runs_behind_one_axis_stay_apart():
    t, x = operation(), value(5, 24)
    wide = reshaped(t, x, [5, 3, 2, 4])
    queries, keys, values = map(whole_of, wide.along(1))
    assert queries.shape == (5, 2, 4) and not same(queries.dims[1], keys.dims[1])
    assert not same(keys.dims[2], values.dims[2]) and not any(map(is_fixed, values.dims))
    whole = whole_of(wide)
    assert same(whole.dims[3], queries.dims[2]) and same(queries.dims[2], values.dims[2])  # now all are one


@pytest.mark.parametrize(
    ("before", "after", "axis"),
    [((1, 5, 3), (5, 3), 1), ((5, 3), (5, 1, 3, 1), 2), ((3, 1, 5), (1, 3, 5), 1), ((4, 6, 3), (24, 3), None)],
)
def test_axes_of_size_one_come_and_go(before, after, axis):
    t = operation()
    three = before.index(3)
    rest = [size for size in before if size != 3]
    part = stacked(t, [value(*rest) for _ in range(3)], three)
    found = reshaped(t, part, list(after))
    assert isinstance(found, Pending) and found.shape == after
    if axis is not None:
        assert len(found.along(axis)) == 3


def test_fixed_axes_and_constants_are_reshaped_at_once():
    t = operation()
    assert isinstance(reshaped(t, Value(value(4, 6).dims, constant="zero"), [4, 3, 2]), Value)
    assert isinstance(reshaped(t, value(4, 7), [28]), Value)
