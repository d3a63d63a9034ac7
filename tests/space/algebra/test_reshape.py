"""Axes after a view with other sizes."""

from weightspace.space.algebra.dims import (
    factors,
    find,
    is_fixed,
    leaf,
)
from weightspace.space.algebra.reshape import reshape_dims


def test_reshape_flattens_and_splits():
    batch, channels, row, column = leaf(2, True), leaf(6), leaf(4, True), leaf(4, True)
    flat = reshape_dims([batch, channels, row, column], [2, 96])
    assert is_fixed(flat[0]) and factors(flat[1])[0] is channels
    assert [dim.size for dim in reshape_dims(flat, [2, 6, 16])] == [2, 6, 16]
    assert find(reshape_dims(flat, [2, 6, 16])[1]) is channels


def test_reshape_keeps_what_lines_up():
    first, second = leaf(4), leaf(6)
    out = reshape_dims([first, second], [4, 3, 2])
    assert out[0] is first and factors(second) == out[1:]


def test_reshape_across_axes_fixes_them():
    first, second = leaf(2), leaf(3)
    out = reshape_dims([first, second], [3, 2])
    assert all(is_fixed(dim) for dim in [first, second, *out])


def test_reshape_with_ones():
    axis = leaf(5)
    assert [dim.size for dim in reshape_dims([leaf(1), axis, leaf(1)], [5, 1, 1, 1])] == [5, 1, 1, 1]
    assert not is_fixed(axis)
