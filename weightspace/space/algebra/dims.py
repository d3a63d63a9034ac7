"""The algebra behind tracing: axes that are found equal, split into products and sums, or fixed, as the code is read.

A `Dim` is one axis of one value in a computation. It starts as a leaf; union-find joins leaves that must move together.
A leaf is refined into a product (a reshape, heads, groups) or into a sum (a concatenation, a slice) where the code
looks inside it. Refining only shrinks the group of permutations, so what was concluded before stays true. Where two
structures can't be reconciled, the leaves involved are fixed: that costs symmetry, never truth.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

from weightspace.space.algebra.causes import because, cause_now

LEAF, PRODUCT, SUM = 0, 1, 2


class Dim:
    """One axis; use the functions of this module, which follow the links of the union-find."""

    __slots__ = ("cause", "fixed", "kind", "link", "parts", "size")

    def __init__(self, size: int, fixed: bool = False, kind: int = LEAF, parts: tuple["Dim", ...] = ()):
        self.size, self.fixed, self.kind, self.parts = size, fixed, kind, parts
        self.cause = cause_now() if fixed and size > 1 else ""
        self.link: Dim | None = None


def find(dim: Dim) -> Dim:
    """The representative of all axes joined with this one."""
    root = dim
    while root.link is not None:
        root = root.link
    while dim.link is not None:
        dim.link, dim = root, dim.link
    return root


def leaf(size: int, fixed: bool = False) -> Dim:
    """A new axis that moves with no other yet; an axis of size 1 has nothing to move and counts as fixed."""
    return Dim(size, fixed or size <= 1)


def factors(dim: Dim) -> list[Dim]:
    """The factors of an axis from slow to fast, nested products laid flat; a leaf or a sum is its own only factor."""
    dim = find(dim)
    if dim.kind != PRODUCT:
        return [] if dim.size == 1 else [dim]
    return [factor for part in dim.parts for factor in factors(part)]


def terms(dim: Dim) -> list[Dim]:
    """The terms of an axis, nested sums laid flat; a leaf or a product is its own only term."""
    dim = find(dim)
    if dim.kind != SUM:
        return [dim]
    return [term for part in dim.parts for term in terms(part)]


def leaves(dim: Dim) -> Iterator[Dim]:
    """The leaves of an axis from left to right."""
    dim = find(dim)
    if dim.kind == LEAF:
        yield dim
    for part in dim.parts:
        yield from leaves(part)


def is_fixed(dim: Dim) -> bool:
    """No entry of the axis can move."""
    dim = find(dim)
    if not dim.fixed and dim.kind != LEAF:
        dim.fixed = all(is_fixed(part) for part in dim.parts)
    return dim.fixed


def fix(dim: Dim) -> None:
    """Forbid every entry of the axis to move."""
    dim = find(dim)
    if dim.fixed:
        return
    dim.fixed, dim.cause = True, cause_now()
    for part in dim.parts:
        fix(part)


def causes(dim: Dim) -> list[str]:
    """Why the fixed leaves of an axis are fixed, as far as it is known, each clause once."""
    dim = find(dim)
    if not dim.parts or (dim.cause and is_fixed(dim)):
        return [dim.cause] if dim.cause else []
    return list(dict.fromkeys(clause for part in dim.parts for clause in causes(part)))


def _fixed_like(parts: Sequence[Dim], size: int) -> Dim:
    """A fixed axis for the reason that these are fixed for."""
    made = leaf(size, fixed=True)
    made.cause = next((clause for part in parts for clause in causes(part)), made.cause) if size > 1 else ""
    return made


def product_dim(parts: Sequence[Dim]) -> Dim:
    """The axes flattened into one."""
    flat = [factor for part in parts for factor in factors(part)]
    if len(flat) == 1:
        return flat[0]
    size = prod(part.size for part in parts)
    if all(is_fixed(part) for part in flat):
        return _fixed_like(flat, size)
    return Dim(size, kind=PRODUCT, parts=tuple(flat))


def sum_dim(parts: Sequence[Dim]) -> Dim:
    """The axes one after the other in one."""
    flat = [term for part in parts if part.size for term in terms(part)]
    if len(flat) == 1:
        return flat[0]
    size = sum(part.size for part in flat)
    if all(is_fixed(part) for part in flat):
        return _fixed_like(flat, size)
    return Dim(size, kind=SUM, parts=tuple(flat))


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
        return [_fixed_like([dim], size) for size in sizes]
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
        return _fixed_like([factor], factor.size // inner), _fixed_like([factor], inner)
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
        return [_fixed_like([dim], size) for size in sizes]
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
        return _fixed_like([term], size), _fixed_like([term], term.size - size)
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


def atoms_of(dim: Dim) -> list[Dim]:
    """The smallest parts that the notation shows, from left to right; a part that is fixed altogether is one."""
    dim = find(dim)
    if dim.kind == LEAF or is_fixed(dim):
        return [dim]
    parts = factors(dim) if dim.kind == PRODUCT else terms(dim)
    return [atom for part in parts for atom in atoms_of(part)]
