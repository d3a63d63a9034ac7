"""Two axes made one, and one seen as a product or a sum: leaves are refined, or fixed where nothing else is true."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from weightspace.space.algebra.causes import because, cause_now
from weightspace.space.algebra.dims import (  # fmt: skip
    LEAF,
    PRODUCT,
    SUM,
    Dim,
    causes,
    factors,
    find,
    fix,
    fixed_like,
    is_fixed,
    leaf,
    product_dim,
    sum_dim,
    terms,
)


def unify(first: Dim, second: Dim) -> Dim:
    """Make two axes of one size move together, refining or fixing what it takes; returns the joined axis."""
    first, second = find(first), find(second)
    if first is second:
        return first
    assert first.size == second.size, f"axes of sizes {first.size} and {second.size} can't be one"
    if is_fixed(first) or is_fixed(second):
        with because(next(iter(causes(first if is_fixed(first) else second)), "")):
            fix(first)
            fix(second)
    elif first.kind == LEAF:
        return _join(first, second)
    elif second.kind == LEAF:
        return _join(second, first)
    elif first.kind == SUM or second.kind == SUM:
        _unify_sums(first, second)
    else:
        _unify_products(first, second)
    # whatever was found, both have one structure now (or none of their entries moves)
    return _join(find(first), find(second))


def _join(lower: Dim, upper: Dim) -> Dim:
    if lower is not upper:
        lower.link = upper
    return upper


def _unify_products(first: Dim, second: Dim) -> None:
    pairs = _beside(first, second) or _beside(second, first) or _refine_both(first, second)
    if pairs is None:
        fix(first)
        fix(second)
        return
    for one, other in pairs:
        unify(one, other)


def _beside(dim: Dim, model: Dim) -> list[tuple[Dim, Dim]] | None:
    """``dim`` split like the factors of ``model``; None if its structure forbids it.

    Where both share a leaf, as around a channel shuffle, splitting the one refines the other, so that it is done again.
    """
    while True:
        like = factors(model)
        split = split_product(dim, [factor.size for factor in like])
        if split is None or len(factors(model)) == len(like):
            return None if split is None else list(zip(split, like, strict=True))


def _refine_both(first: Dim, second: Dim) -> list[tuple[Dim, Dim]] | None:
    """Split both to their common refinement, `(6 4)` and `(3 8)` to `(3 2 4)`; None if there is none."""
    strides = sorted({*_strides(first), *_strides(second), first.size})
    if any(larger % smaller for smaller, larger in pairwise(strides)):
        return None
    sizes = [larger // smaller for smaller, larger in pairwise(strides)][::-1]
    one, other = split_product(first, sizes), split_product(second, sizes)
    return None if one is None or other is None else list(zip(one, other, strict=True))


def _strides(dim: Dim) -> list[int]:
    sizes = [factor.size for factor in factors(dim)]
    return [prod(sizes[index + 1 :]) for index in range(len(sizes))]


def _unify_sums(first: Dim, second: Dim) -> None:
    boundaries = sorted({*_boundaries(first), *_boundaries(second)})
    sizes = [end - start for start, end in zip([0, *boundaries], boundaries, strict=False)]
    for one, other in zip(split_sum(first, sizes), split_sum(second, sizes), strict=True):
        unify(one, other)


def _boundaries(dim: Dim) -> list[int]:
    ends, total = [], 0
    for term in terms(dim):
        total += term.size
        ends.append(total)
    return ends


def split_product(dim: Dim, sizes: Sequence[int]) -> list[Dim] | None:
    """See an axis as a product of the given sizes, refining leaves where it must; None if its structure forbids it.

    A leaf that is refined keeps fewer permutations: those of each factor by itself.
    """
    assert prod(sizes) == dim.size, f"an axis of size {dim.size} is no product of {list(sizes)}"
    if is_fixed(dim):
        return [fixed_like([dim], size) for size in sizes]
    queue = factors(dim)
    result: list[Dim] = []
    for size in reversed(sizes):
        taken: list[Dim] = []
        need = size
        while need > 1:
            factor = find(queue.pop())
            if factor.kind == PRODUCT:  # refined meanwhile, through another occurrence of it
                queue.extend(factors(factor))
            elif need % factor.size == 0:
                need //= factor.size
                taken.append(factor)
            else:
                halves = _split_factor(factor, need) if factor.size % need == 0 else None
                if halves is None:
                    return None
                queue.append(halves[0])
                taken.append(halves[1])
                need = 1
        result.append(product_dim(taken[::-1]) if taken else leaf(1))
    return result[::-1]


def _split_factor(factor: Dim, inner: int) -> tuple[Dim, Dim] | None:
    """Split one factor into an outer part and an inner part of the given size."""
    if is_fixed(factor):
        return fixed_like([factor], factor.size // inner), fixed_like([factor], inner)
    if factor.kind == LEAF:
        outer_part, inner_part = leaf(factor.size // inner), leaf(inner)
        factor.kind, factor.parts = PRODUCT, (outer_part, inner_part)
        return outer_part, inner_part
    return _split_sum_factor(factor, inner)


def _split_sum_factor(factor: Dim, inner: int) -> tuple[Dim, Dim] | None:
    """`((a c) + (b c))` is `(a + b) c`: every term must split off the same inner part."""
    if any(term.size % inner for term in terms(factor)):
        return None
    splits = [split_product(term, [term.size // inner, inner]) for term in terms(factor)]
    if any(split is None for split in splits):
        return None
    common = splits[0][1]  # type: ignore[index]
    for split in splits[1:]:
        common = unify(common, split[1])  # type: ignore[index]
    outer = sum_dim([split[0] for split in splits])  # type: ignore[index]
    joined = Dim(factor.size, kind=PRODUCT, parts=(outer, common))
    factor.link = joined
    return outer, common


def split_sum(dim: Dim, sizes: Sequence[int]) -> list[Dim]:
    """See an axis as pieces of the given sizes one after the other, refining or fixing what it takes."""
    assert sum(sizes) == dim.size, f"an axis of size {dim.size} is no sum of {list(sizes)}"
    if is_fixed(dim):
        return [fixed_like([dim], size) for size in sizes]
    queue = terms(dim)[::-1]
    result = []
    for size in sizes:
        taken: list[Dim] = []
        need = size
        while need > 0:
            term = queue.pop()
            if term.size > need:
                term, rest = _split_term(find(term), need)
                queue.append(rest)
            need -= term.size
            taken.append(term)
        result.append(sum_dim(taken) if taken else leaf(0))
    return result


def _split_term(term: Dim, size: int) -> tuple[Dim, Dim]:
    """Split one term after ``size`` entries; a product splits along its slowest factor, or is fixed."""
    if is_fixed(term):
        return fixed_like([term], size), fixed_like([term], term.size - size)
    if term.kind == LEAF:
        parts = leaf(size), leaf(term.size - size)
        term.kind, term.parts, term.cause = SUM, parts, cause_now()  # should all parts be single entries
        return parts
    outer, *rest = factors(term)
    inner = prod(factor.size for factor in rest)
    if size % inner:
        fix(term)
        return _split_term(term, size)
    first, second = split_sum(outer, [size // inner, outer.size - size // inner])
    return product_dim([first, *rest]), product_dim([second, *rest])
