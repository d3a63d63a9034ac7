"""The axes of a tensor after it is viewed with other sizes."""

from collections.abc import Sequence
from math import prod

from weightspace.space.algebra.dims import Dim, fix, leaf, product_dim
from weightspace.space.algebra.refine import split_product


def reshape_dims(dims: Sequence[Dim], sizes: Sequence[int]) -> list[Dim]:
    """The axes of a tensor after it is viewed with other sizes.

    Runs of axes with equal numbers of entries are matched; what can't be seen as such a product is fixed.
    """
    result: list[Dim] = []
    before, after = list(dims), list(sizes)
    while before or after:
        run, new = _next_run(before, after)
        split = split_product(product_dim(run), new) if prod(new) else None
        if split is None:
            for dim in run:
                fix(dim)
            split = [leaf(size, fixed=True) for size in new]
        result.extend(split)
    return result


def _next_run(before: list[Dim], after: list[int]) -> tuple[list[Dim], list[int]]:
    """Take from the front of both lists the shortest runs with the same product."""
    if before and after and before[0].size == after[0]:
        return [before.pop(0)], [after.pop(0)]
    run, new = [], []
    left = right = 1
    while True:
        if before and (left <= right or not after):
            run.append(before.pop(0))
            left *= run[-1].size
        elif after:
            new.append(after.pop(0))
            right *= new[-1]
        if (left == right and run and new) or not (before or after):
            return run, new
