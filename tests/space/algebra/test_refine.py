"""Axes split into factors and terms, and made one."""

import pytest

from tests.space.algebra.orders import Permutations
from weightspace.space.algebra.dims import (
    LEAF,
    PRODUCT,
    SUM,
    factors,
    find,
    is_fixed,
    leaf,
    product_dim,
    sum_dim,
    terms,
)
from weightspace.space.algebra.refine import split_product, split_sum, unify


def test_a_leaf_splits_into_factors():
    axis = leaf(24)
    groups, inner = split_product(axis, [4, 6])
    assert find(axis).kind == PRODUCT and factors(axis) == [groups, inner]
    assert split_product(axis, [4, 3, 2])[0] is groups
    assert [part.size for part in factors(axis)] == [4, 3, 2]


def test_a_second_split_finds_the_same_factors():
    axis = leaf(12)
    assert split_product(axis, [3, 4]) == split_product(axis, [3, 4])


def test_products_with_a_common_refinement_are_refined():
    one, other = product_dim([leaf(6), leaf(4)]), product_dim([leaf(3), leaf(8)])
    unify(one, other)
    assert [part.size for part in factors(one)] == [3, 2, 4]
    assert factors(one) == factors(other) and not is_fixed(one)


def test_products_without_a_common_refinement_are_fixed():
    one, other = product_dim([leaf(2), leaf(3)]), product_dim([leaf(3), leaf(2)])
    unify(one, other)
    assert is_fixed(one) and is_fixed(other)


def test_a_split_that_cuts_through_a_factor_is_none():
    assert split_product(product_dim([leaf(2), leaf(3)]), [3, 2]) is None


def test_a_leaf_splits_into_terms():
    axis = leaf(10)
    first, second = split_sum(axis, [4, 6])
    assert find(axis).kind == SUM and terms(axis) == [first, second]
    assert split_sum(axis, [4, 2, 4])[0] is first
    assert [part.size for part in terms(axis)] == [4, 2, 4]


def test_sums_are_refined_to_common_ends():
    one, other = sum_dim([leaf(3), leaf(5)]), sum_dim([leaf(6), leaf(2)])
    unify(one, other)
    assert [part.size for part in terms(one)] == [3, 3, 2]
    assert terms(one) == terms(other)


def test_a_product_is_cut_along_its_slowest_factor():
    outer, inner = leaf(6), leaf(4)
    first, second = split_sum(product_dim([outer, inner]), [8, 16])
    assert factors(first)[1] is factors(second)[1] is inner
    assert terms(outer) == [factors(first)[0], factors(second)[0]]


def test_a_cut_through_an_inner_factor_fixes_the_product():
    axis = product_dim([leaf(6), leaf(4)])
    split_sum(axis, [3, 21])
    assert is_fixed(axis)


def test_an_empty_piece_and_empty_terms():
    axis, (empty, rest) = leaf(5), split_sum(leaf(5), [0, 5])
    assert empty.size == 0 and rest.size == 5
    assert sum_dim([leaf(0), axis]) is axis


def test_a_common_factor_is_drawn_out_of_a_sum():
    inner = leaf(3)
    flat = sum_dim([product_dim([leaf(2), inner]), product_dim([leaf(4), inner])])
    outer, drawn = split_product(flat, [6, 3])
    assert find(drawn) is find(inner)
    assert [part.size for part in terms(outer)] == [2, 4]


def test_a_sum_without_a_common_factor_is_not_split():
    assert split_product(sum_dim([leaf(2), leaf(4)]), [2, 3]) is None


def test_self_reference_ends():
    axis = leaf(8)
    unify(axis, axis)
    assert find(axis).kind == LEAF
    rotated = product_dim(split_product(axis, [2, 4])[::-1])  # a channel shuffle
    unify(axis, rotated)
    assert Permutations().order(axis).tolist() == Permutations().order(rotated).tolist()


def test_sizes_must_agree():
    with pytest.raises(AssertionError, match="sizes 2 and 3 can't be one"):
        unify(leaf(2), leaf(3))
    with pytest.raises(AssertionError, match=r"no product of \[2, 3\]"):
        split_product(leaf(7), [2, 3])
    with pytest.raises(AssertionError, match=r"no sum of \[2, 3\]"):
        split_sum(leaf(7), [2, 3])
