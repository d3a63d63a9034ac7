"""Symmetries of stacks of nets, net by net."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from weightspace.space import Symmetry, WeightSpace


def chosen(first: Bool[Tensor, "nets"], one: Symmetry, other: Symmetry) -> Symmetry:
    """Net by net one symmetry or the other."""
    space, mask = one.space, first.cpu().unsqueeze(1)
    names = {**one.permutations, **other.permutations}
    indices = {**one.factors, **other.factors}
    stay = {name: torch.arange(space.names[name].size or 1).unsqueeze(0) for name in names}
    still = {index: _neutral(space, index) for index in indices}
    orders = {n: torch.where(mask, one.permutations.get(n, stay[n]), other.permutations.get(n, stay[n])) for n in names}
    vectors = {i: torch.where(mask, one.factors.get(i, still[i]), other.factors.get(i, still[i])) for i in indices}
    return Symmetry(space, orders, vectors)


def _neutral(space: WeightSpace, index: int) -> Float[Tensor, "1 size"]:
    action = space.actions[index]
    value = 0.0 if action.kind == "phase" else 1.0
    return torch.full((1, space.names[action.name].size or 1), value, dtype=torch.float64)


def embedded(symmetry: Symmetry, rows: Bool[Tensor, "nets"]) -> Symmetry:
    """The symmetry of some nets of a stack as one of the whole stack, which leaves the others as they are."""
    space, source = symmetry.space, rows.nonzero().flatten()
    orders, vectors = {}, {}
    for name, order in symmetry.permutations.items():
        whole = torch.arange(order.shape[-1]).repeat(len(rows), 1)
        orders[name] = whole.index_copy(0, source, order)
    for index, vector in symmetry.factors.items():
        whole = _neutral(space, index).repeat(len(rows), 1)
        vectors[index] = whole.index_copy(0, source, vector.expand(len(source), -1))
    return Symmetry(space, orders, vectors)
