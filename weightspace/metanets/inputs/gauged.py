"""A batch of graphs with every scale settled, and the way back for changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs import from_graph, to_graph
from weightspace.metanets.frames.uncompiled import uncompiled
from weightspace.space import WeightSpace
from weightspace.space.forms.scales import scales_of

LIMIT = 1e15
"""Settled weights are clamped here: the last layer bears the sizes of all others; squares must fit float32."""

Factors = dict[int, Float[Tensor, "nets neurons"]]
"""What settled some nets: for each scale its factors."""


@dataclass(frozen=True, eq=False)
class Gauged:
    """What `gauged` gives.

    Attributes:
        graph: the batch of the settled nets.
        weights: theirs, stacked.
        single: whether one net without a stack came.
        parts: for each space in the batch with scales the places of its nets, the space, and what settled them.
    """

    graph: Batch
    weights: dict[str, Tensor]
    single: bool
    parts: tuple[tuple[Tensor | slice, WeightSpace, Factors], ...]

    def restore(self, changes: dict[str, Tensor]) -> dict[str, Tensor]:
        """Changes of the settled nets as changes of the nets that came."""
        for nets, space, factors in self.parts:
            some = unsettle(space, {name: change[nets] for name, change in changes.items()}, factors)
            changes = _replaced(changes, some, nets)
        return {name: change[0] for name, change in changes.items()} if self.single else changes


@uncompiled  # Python over spaces
def gauged(graph: Data | Batch, scale: bool = True) -> Gauged:
    """Settle the scales of a batch of one skeleton; with ``scale=False`` its nets stay as they are."""
    single = not isinstance(graph, Batch)
    weights = {name: w[None] if single else w for name, w in from_graph(graph).items()}
    spaces, layout = ([graph.space], graph.layout) if single else (graph.space, graph.layout[0])
    parts = []
    for space in {id(space): space for space in spaces}.values() if scale else ():
        if scales_of(space):
            nets = _places(spaces, space, weights)
            some, factors = settle(space, {name: w[nets] for name, w in weights.items()})
            weights = _replaced(weights, some, nets)
            parts.append((nets, space, factors))
    if parts or single:
        settled = to_graph(spaces[0], weights, layout)
        settled.space = spaces
        graph = settled
    assert isinstance(graph, Batch)
    return Gauged(graph, weights, single, tuple(parts))


def settle(space: WeightSpace, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Factors]:
    """Stacked weights with every scale settled, as `weightspace.space.forms.scales.Scales.settle` does, in float64.

    Smooth in the weights, and a member of the same orbit.

    Returns:
        The weights, in their type, and what settled them.
    """
    own = scales_of(space)
    moved = {name: weights[name].double() for name in own.tensors}
    factors = own.settle(moved, stacked=True)
    settled = {name: value.clamp(-LIMIT, LIMIT).to(weights[name]) for name, value in moved.items()}
    return {**weights, **settled}, factors


def unsettle(space: WeightSpace, changes: Mapping[str, Tensor], factors: Factors) -> dict[str, Tensor]:
    """Changes of settled weights as changes of the weights that they came from."""
    own = scales_of(space)
    moved = {name: changes[name].double() for name in own.tensors}
    for action, factor in factors.items():
        own.multiply(moved, action, 1 / factor, stacked=True)
    return {**changes, **{name: value.to(changes[name]) for name, value in moved.items()}}


def settle_many(space: WeightSpace, weights: Mapping[str, Tensor], size: int = 512) -> dict[str, Tensor]:
    """Stacked weights with every scale settled, ``size`` nets at a time."""
    if not scales_of(space):
        return dict(weights)
    count = len(next(iter(weights.values())))
    parts = [settle(space, {n: w[at : at + size] for n, w in weights.items()})[0] for at in range(0, count, size)]
    return {name: torch.cat([part[name] for part in parts]) for name in weights}


def _places(spaces: Sequence[WeightSpace], space: WeightSpace, weights: Mapping[str, Tensor]) -> Tensor | slice:
    if all(other is space for other in spaces):
        return slice(None)
    device = next(iter(weights.values())).device
    return torch.tensor([place for place, other in enumerate(spaces) if other is space], device=device)


def _replaced(stack: Mapping[str, Tensor], some: Mapping[str, Tensor], nets: Tensor | slice) -> dict[str, Tensor]:
    if isinstance(nets, slice):
        return dict(some)
    return {n: w if some[n] is w else w.index_copy(0, nets, some[n].to(w)) for n, w in stack.items()}
