"""Axes that are fixed, and wholes of fixed parts."""

from weightspace.space.algebra.dims import LEAF, atoms_of, find, fix, is_fixed, leaf, leaves, product_dim
from weightspace.space.algebra.refine import split_product, unify


def test_a_product_of_fixed_axes_is_fixed():
    axis = product_dim([leaf(2, fixed=True), leaf(3, fixed=True)])
    assert axis.kind == LEAF and is_fixed(axis) and axis.size == 6


def test_fixing_reaches_every_part():
    one, other = leaf(2), leaf(3)
    fix(product_dim([one, other]))
    assert is_fixed(one) and is_fixed(other)


def test_an_axis_of_one_entry_is_fixed():
    assert is_fixed(leaf(1)) and not is_fixed(leaf(2))


def test_a_fixed_axis_fixes_what_is_unified_with_it():
    one = product_dim([leaf(2), leaf(3)])
    unify(one, leaf(6, fixed=True))
    assert all(is_fixed(part) for part in leaves(one))


def test_a_whole_is_fixed_once_its_parts_are():
    axis = leaf(6)
    for part in split_product(axis, [2, 3]):
        fix(part)
    assert is_fixed(axis) and atoms_of(axis) == [find(axis)]
