"""Neurons that matrices may mix: heads paired by their circuits, then the best turn inside each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.matching.assign import assign
from weightspace.align.matching.descent import descend, fit_scales, match
from weightspace.align.matching.pairs import Match
from weightspace.space import MatrixGroup, Symmetry, WeightSpace
from weightspace.space.forms.matrices import sides
from weightspace.space.forms.obstacles import separate_groups
from weightspace.space.matrices import pair_places, turns_of_pairs

_ROUNDS, _GAIN = 8, 1e-4
Stack = Mapping[str, Tensor]


def match_whole(space: WeightSpace, a: Stack, b: Stack, starts: int, generator: torch.Generator) -> Symmetry:
    """What brings each net of ``b`` to its partner in ``a``, by all kinds of symmetry; a batched symmetry.

    Residual streams that orthogonal matrices may mix are turned first, by what ties them to inputs and outputs.

    Args:
        a, b: stacks of as many nets in balance, where what is left of the invertible matrices is rotations.
        starts, generator: see `match`.
    """
    start = anchored(space, a, b)
    if start.matrices:  # whole neurons are compared next, so that signs of pairs and heads must be those of a before
        start = paired_heads(space, a, space.apply(start, b)).compose(start)
        start = turned(space, a, space.apply(start, b), ("linear", "complex")).compose(start)
    found = match(space, a, space.apply(start, b), starts, generator).compose(start)
    return match_mixed(space, a, b, found) if separate_groups(space) else found


def match_mixed(space: WeightSpace, a: Stack, b: Stack, start: Symmetry) -> Symmetry:
    """Go on from a match with the matrices: heads, rotations and everything else in turns, until that gains nothing.

    Args:
        start: brings b to a, but for matrices.
    """
    reached = -torch.inf
    for _ in range(_ROUNDS):
        for pick in (paired_heads, turned):
            start = pick(space, a, space.apply(start, b)).compose(start)
        tried = Match(space, a, space.apply(start, b))
        descend(tried)
        fit_scales(tried, order=False)
        start = tried.symmetry.compose(start)
        before, reached = reached, float(tried.quality().sum())
        if reached < before + _GAIN * tried.count:
            break
    return turned(space, a, space.apply(start, b)).compose(start)


def anchored(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The orthogonal matrices that fit b to a on tensors whose other axes keep their order: embeddings, last layers."""
    matrices = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        fixed = {tensor: s for tensor, s in group.powers.items() if _is_anchor(space, group, tensor)}
        if group.kind == "orthogonal" and fixed:
            product = _products(space, replace(group, powers=fixed), a, b)[:, 0, 0]
            matrices[index] = nearest_turn(group, product.unsqueeze(1))
    return Symmetry(space, {}, {}, matrices)


def _is_anchor(space: WeightSpace, group: MatrixGroup, tensor: str) -> bool:
    if any(tensor in other.powers for other in space.matrices if other != group):
        return False
    names = [
        atom.name for atom in space.tensors[tensor].atoms() if atom.name is not None and space.names[atom.name].free
    ]
    return names == [group.name]


def paired_heads(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The order of heads in which they agree most, each pair after the turn that suits it best.

    The agreement of two heads is the sum of the singular values of the product of their weights, over all groups; of
    channels in pairs the sum of the absolute values of those products, as complex numbers.
    """
    tables: dict[str, Tensor] = {}
    for index in separate_groups(space):
        group = space.matrices[index]
        if group.per is not None:
            products = _products(space, group, a, b)
            values = (
                torch.linalg.svdvals(products)
                if group.pairs is None
                else torch.stack(_turn(group, products)).norm(dim=0)
            )
            total = values.sum(-1)
            tables[group.per] = tables[group.per] + total if group.per in tables else total
    return Symmetry(space, {name: assign(table) for name, table in tables.items()}, {})


def turned(
    space: WeightSpace, a: Stack, b: Stack, kinds: Sequence[str] = ("linear", "complex", "orthogonal")
) -> Symmetry:
    """The turns that bring b, otherwise aligned, closest to a (Procrustes), group by group."""
    path = space.identity()
    for kind in kinds:
        matrices = {}
        for index in separate_groups(space):
            group = space.matrices[index]
            if group.kind == kind:
                products = _products(space, group, a, space.apply(path, b)).diagonal(dim1=1, dim2=2).movedim(-1, 1)
                matrices[index] = nearest_turn(group, products)
        path = Symmetry(space, {}, {}, matrices).compose(path)
    return path


def nearest_turn(group: MatrixGroup, products: Float[Tensor, "*lead size size"]) -> Float[Tensor, "*lead size size"]:
    """The turn whose inner product with a matrix is largest."""
    if group.pairs is None:
        left, _, right = torch.linalg.svd(products)
        return left @ right
    real, imaginary = _turn(group, products)
    return turns_of_pairs(torch.ones_like(real), torch.atan2(imaginary, real), group.pairs)


def _turn(group: MatrixGroup, products: Float[Tensor, "*lead size size"]) -> list[Tensor]:
    """Real and imaginary part of what each pair of channels has in common."""
    one, other = pair_places(products.shape[-1], group.pairs or "halves")
    return [
        products[..., one, one] + products[..., other, other],
        products[..., other, one] - products[..., one, other],
    ]


def _products(space: WeightSpace, group: MatrixGroup, a: Stack, b: Stack) -> Float[Tensor, "nets per per size size"]:
    """For each head of a and each of b the inner products of their neurons' weights."""
    ours, theirs = (sides(space, group, side, True) for side in (a, b))
    pairs = [torch.einsum("nhik,ngjk->nhgij", one, other) for one, other in zip(ours, theirs, strict=True)]
    return torch.stack(pairs).sum(0)
