"""The algebra behind tracing: axes that are found equal, split into products and sums, or fixed, as the code is read.

A `Dim` is one axis of one value in a computation. It starts as a leaf; union-find joins leaves that must move together.
A leaf is refined into a product (a reshape, heads, groups) or into a sum (a concatenation, a slice) where the code
looks inside it. Refining only shrinks the group of permutations, so what was concluded before stays true. Where two
structures can't be reconciled, the leaves involved are fixed: that costs symmetry, never truth.
"""

from collections.abc import Iterator, Sequence
from math import prod

from weightspace.space.algebra.causes import cause_now

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


def fixed_like(parts: Sequence[Dim], size: int) -> Dim:
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
        return fixed_like(flat, size)
    return Dim(size, kind=PRODUCT, parts=tuple(flat))


def sum_dim(parts: Sequence[Dim]) -> Dim:
    """The axes one after the other in one."""
    flat = [term for part in parts if part.size for term in terms(part)]
    if len(flat) == 1:
        return flat[0]
    size = sum(part.size for part in flat)
    if all(is_fixed(part) for part in flat):
        return fixed_like(flat, size)
    return Dim(size, kind=SUM, parts=tuple(flat))


def atoms_of(dim: Dim) -> list[Dim]:
    """The smallest parts that the notation shows, from left to right; a part that is fixed altogether is one."""
    dim = find(dim)
    if dim.kind == LEAF or is_fixed(dim):
        return [dim]
    parts = factors(dim) if dim.kind == PRODUCT else terms(dim)
    return [atom for part in parts for atom in atoms_of(part)]
