"""Neurons that matrices may mix: heads paired by their circuits, then the best rotation inside each."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.matching.assign import assign
from weightspace.align.matching.descent import Match, descend
from weightspace.space import Symmetry, WeightSpace
from weightspace.space.forms.matrices import settled_groups, sides

_ROUNDS = 3
Stack = Mapping[str, Tensor]


def match_mixed(space: WeightSpace, a: Stack, b: Stack, start: Symmetry) -> Symmetry:
    """Go on from a match with the matrices: heads, rotations and everything else in turns.

    Args:
        a, b: stacks of as many nets in balance, where what is left of the invertible matrices is rotations.
        start: brings b to a, but for matrices.
    """
    for _ in range(_ROUNDS):
        for pick in (paired_heads, turned):
            start = pick(space, a, space.apply(start, b)).compose(start)
        tried = Match(space, a, space.apply(start, b))
        descend(tried)
        start = tried.symmetry.compose(start)
    return turned(space, a, space.apply(start, b)).compose(start)


def paired_heads(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The order of heads in which they agree most, each pair after the rotation that suits it best.

    The agreement of two heads is the sum of the singular values of the product of their weights, over all groups.
    """
    tables: dict[str, Tensor] = {}
    for index in settled_groups(space):
        group = space.matrices[index]
        if group.per is not None:
            values = torch.linalg.svdvals(_products(space, index, a, b)).sum(-1)
            tables[group.per] = tables[group.per] + values if group.per in tables else values
    return Symmetry(space, {name: assign(table) for name, table in tables.items()}, {})


def turned(space: WeightSpace, a: Stack, b: Stack) -> Symmetry:
    """The orthogonal matrices that bring b, otherwise aligned, closest to a (Procrustes), group by group."""
    matrices = {}
    for index in settled_groups(space):
        product = _products(space, index, a, b).diagonal(dim1=1, dim2=2).movedim(-1, 1)
        left, _, right = torch.linalg.svd(product)
        matrices[index] = left @ right
    return Symmetry(space, {}, {}, matrices)


def _products(space: WeightSpace, index: int, a: Stack, b: Stack) -> Float[Tensor, "nets per per size size"]:
    """For each head of a and each of b the inner products of their neurons' weights."""
    ours, theirs = (sides(space, space.matrices[index], side, True) for side in (a, b))
    pairs = [torch.einsum("nhik,ngjk->nhgij", one, other) for one, other in zip(ours, theirs, strict=True)]
    return torch.stack(pairs).sum(0)
