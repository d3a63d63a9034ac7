"""Properties of the algebra under any history of steps.

Every free leaf gets a random permutation: axes that were found equal must get the same order of entries, pieces of an
axis must make it up again.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.space.algebra.orders import Permutations, products, sums
from weightspace.space.algebra.dims import (
    fix,
    is_fixed,
    leaf,
    product_dim,
    sum_dim,
)
from weightspace.space.algebra.refine import split_product, split_sum, unify
from weightspace.space.algebra.reshape import reshape_dims

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
