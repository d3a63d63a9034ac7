"""The algebra of axes without any export: what moves with what, and what moves at all.

The property tests give every free leaf a random permutation and look at the order of entries that each axis gets: axes
that were found equal must get the same one, pieces of an axis must make it up again.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weightspace.space.algebra.dims import (  # fmt: skip
    LEAF,
    PRODUCT,
    SUM,
    Dim,
    atoms_of,
    factors,
    find,
    fix,
    is_fixed,
    leaf,
    leaves,
    product_dim,
    reshape_dims,
    split_product,
    split_sum,
    sum_dim,
    terms,
    unify,
)


class Permutations:
    """A random permutation for each free leaf, drawn when it is first seen."""

    def __init__(self, seed=0):
        self.generator, self.known = torch.Generator().manual_seed(seed), {}

    def order(self, dim: Dim) -> torch.Tensor:
        """For each entry of an axis the entry that moves there."""
        dim = find(dim)
        if is_fixed(dim):
            return torch.arange(dim.size)
        if dim.kind == LEAF:
            if dim not in self.known:
                self.known[dim] = torch.randperm(dim.size, generator=self.generator)
            return self.known[dim]
        orders = [self.order(part) for part in dim.parts]
        return products(orders) if dim.kind == PRODUCT else sums(orders)


def products(orders):
    whole = torch.zeros(1, dtype=torch.long)
    for order in orders:
        whole = (whole[:, None] * len(order) + order).flatten()
    return whole


def sums(orders):
    start, pieces = 0, []
    for order in orders:
        pieces.append(order + start)
        start += len(order)
    return torch.cat([torch.zeros(0, dtype=torch.long), *pieces])


# ---- products -------------------------------------------------------------------------------------------------------


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


def test_a_product_of_fixed_axes_is_fixed():
    axis = product_dim([leaf(2, fixed=True), leaf(3, fixed=True)])
    assert axis.kind == LEAF and is_fixed(axis) and axis.size == 6


# ---- sums -----------------------------------------------------------------------------------------------------------


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


# ---- both -----------------------------------------------------------------------------------------------------------


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


# ---- fixing ---------------------------------------------------------------------------------------------------------


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


# ---- reshape --------------------------------------------------------------------------------------------------------


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


# ---- own invariants -------------------------------------------------------------------------------------------------


def test_sizes_must_agree():
    with pytest.raises(AssertionError, match="sizes 2 and 3 can't be one"):
        unify(leaf(2), leaf(3))
    with pytest.raises(AssertionError, match=r"no product of \[2, 3\]"):
        split_product(leaf(7), [2, 3])
    with pytest.raises(AssertionError, match=r"no sum of \[2, 3\]"):
        split_sum(leaf(7), [2, 3])


# ---- properties -----------------------------------------------------------------------------------------------------

SIZE = 24
PRODUCTS = ([2, 12], [12, 2], [4, 6], [6, 4], [3, 8], [8, 3], [2, 3, 4], [4, 3, 2])
SUMS = ([12, 12], [8, 16], [6, 6, 12], [1, 23], [8, 8, 8], [20, 4])


@st.composite
def histories(draw):
    """A list of steps: (operation, axis, another axis, how)."""
    axes = st.integers(0, 9)
    steps = st.tuples(st.sampled_from(["unify", "product", "sum", "swap", "fix part"]), axes, axes, st.integers(0, 7))
    return draw(st.lists(steps, min_size=1, max_size=8))


def play(history):
    """Run the steps; gives facts as pairs of a whole and a way to see it, which must have one order ever after."""
    axes, facts = [leaf(SIZE) for _ in range(3)], []
    for operation, first, second, how in history:
        one, other = axes[first % len(axes)], axes[second % len(axes)]
        if operation == "unify":
            unify(one, other)
            facts.append((one, lambda p, d=other: p.order(d)))
        elif operation == "sum":
            pieces = split_sum(one, SUMS[how % len(SUMS)])
            facts.append((one, lambda p, ds=pieces: sums([p.order(d) for d in ds])))
            axes.append(sum_dim(pieces[::-1]))
        else:
            pieces = split_product(one, PRODUCTS[how])
            if pieces is None:
                continue
            facts.append((one, lambda p, ds=pieces: products([p.order(d) for d in ds])))
            if operation == "swap":
                axes.append(product_dim(pieces[::-1]))
            if operation == "fix part":
                fix(pieces[how % len(pieces)])
    return axes, facts


@settings(max_examples=400, deadline=None)
@given(histories(), st.integers(0, 3))
def test_what_was_found_once_holds_ever_after(history, seed):
    axes, facts = play(history)
    drawn = Permutations(seed)
    for axis in axes:
        assert sorted(drawn.order(axis).tolist()) == list(range(SIZE))
    for whole, seen in facts:
        assert drawn.order(whole).tolist() == seen(drawn).tolist()


@settings(max_examples=100, deadline=None)
@given(histories(), st.permutations([2, 3, 4]))
def test_reshaping_keeps_the_order_of_entries(history, sizes):
    axes, _ = play(history)
    before = [axes[-1], leaf(5)]
    after = reshape_dims(before, [*sizes, 5])
    drawn = Permutations()
    orders = [products([drawn.order(dim) for dim in dims]).tolist() for dims in (before, after)]
    assert orders[0] == orders[1]


def test_the_property_can_fail():
    one, other = leaf(SIZE), leaf(SIZE)
    drawn = Permutations()
    assert drawn.order(one).tolist() != drawn.order(other).tolist()


def test_most_histories_leave_something_free():
    axes, _ = play([("product", 0, 0, 2), ("unify", 0, 1, 0), ("sum", 1, 0, 0), ("unify", 1, 2, 0)])
    assert not any(is_fixed(axis) for axis in axes)
