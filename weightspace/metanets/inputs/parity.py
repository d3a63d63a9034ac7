"""How every node and edge of a graph transforms when neurons change sign."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from weightspace.graphs import Topology
from weightspace.space import Axis, Sum, TensorSpec


@dataclass(frozen=True, eq=False)
class Flags:
    """The same as `Parity`, without tensors: what Python decides by."""

    signed: list[bool]
    source: list[bool]
    target: list[bool]
    flips: list[bool]
    odd: list[list[bool]]
    even: list[list[bool]]


@dataclass(frozen=True, eq=False)
class Parity:
    """What flips with the sign of a neuron, read from the sign actions of a weight space.

    Attributes:
        signed: ``[sites, 1]``, one where the neurons of a site may change sign.
        source: ``[blocks + links, 1]``, one where an edge times what is odd at its source can be sent: the edge flips
            with the source, or the source has no sign.
        target: ``[blocks + links, 1]``, the same for the target.
        flips: ``[blocks + links, 1]``, one where an edge flips at all, so that only its absolute value is even.
        odd: ``[sites, columns]``, one where a feature of a node flips with the node.
        even: ``[sites, columns]``, one where a feature never flips. A feature that is neither flips with other neurons.
    """

    signed: Tensor
    source: Tensor
    target: Tensor
    flips: Tensor
    odd: Tensor
    even: Tensor

    @cached_property
    def flags(self) -> Flags:
        """The same as Python values."""
        signed, source, target, flips = (
            (table[:, 0] > 0).tolist() for table in (self.signed, self.source, self.target, self.flips)
        )
        return Flags(signed, source, target, flips, (self.odd > 0).tolist(), (self.even > 0).tolist())


@lru_cache(maxsize=256)
def parity(topo: Topology, exact: bool = True) -> Parity:
    """The parities of a topology; with ``exact=False`` as if no neuron could change its sign."""
    space, rows = topo.space, len(topo.edge_features)
    acting = _acting(topo) if exact else [frozenset()] * len(space.sites)
    source, target, flips = torch.ones(rows, 1), torch.ones(rows, 1), torch.zeros(rows, 1)
    for number, block in enumerate(topo.blocks):
        spec = space.tensors[block.tensor]
        ends = int(topo.node_type[block.targets[0]]), int(topo.node_type[block.sources[0, 0]])
        at_target = _signs(topo, block.tensor, spec.target, block.term) if exact else frozenset()
        at_source = _signs(topo, block.tensor, spec.source, block.term) if exact else frozenset()
        every = _signs(topo, block.tensor, tuple(range(len(spec.axes))), block.term) if exact else frozenset()
        sound = every <= at_target | at_source and not at_target & at_source
        target[number] = float(sound and at_target == acting[ends[0]])
        source[number] = float(sound and at_source == acting[ends[1]])
        if (sound and at_target and not target[number]) or (sound and at_source and not source[number]):
            target[number] = source[number] = 0.0
        flips[number] = float(bool(every))
    for number, link in enumerate(space.links, len(topo.blocks)):
        # joined nodes agree on all names that both axes bear, so on the signs of these
        shared = _names(space.sites[link.source].axis) & _names(space.sites[link.target].axis)
        same = acting[link.source] == acting[link.target]
        named = {space.actions[action].name for action in acting[link.source]} <= shared
        source[number] = target[number] = float(same and named)
    odd, even = torch.zeros(len(space.sites), topo.layout.node), torch.ones(len(space.sites), topo.layout.node)
    for vector in topo.vectors:
        spec, start = space.tensors[vector.tensor], topo.layout.slot(vector.slot) + vector.column
        own = _signs(topo, vector.tensor, vector.axes, None) if exact else frozenset()
        columns = slice(start, start + vector.width)
        site = int(topo.node_type[vector.nodes[0]])
        odd[site, columns] = float(bool(own) and own == acting[site])
        even[site, columns] = float(not own)
    signed = torch.tensor([[float(bool(own))] for own in acting])
    return Parity(signed, source, target, flips, odd, even)


def _names(axis: Axis) -> set[str | None]:
    return {atom.name for atom in axis.atoms()}


def _signs(topo: Topology, name: str, axes: tuple[int, ...], term: int | None) -> frozenset[int]:
    """The sign actions that flip a tensor along some axes; of a sum only those of one term."""
    spec, found = topo.space.tensors[name], set()
    for number, action in enumerate(topo.space.actions):
        if action.kind == "sign":
            for axis, occurrence, power in action.powers.get(name, ()):
                if axis in axes and power % 2 and _in_term(spec.axes[axis], occurrence, term):
                    found ^= {number}
    return frozenset(found)


def _in_term(axis: Axis, occurrence: int, term: int | None) -> bool:
    if term is None or not isinstance(axis, Sum):
        return True
    counts = [len(part.atoms()) for part in axis.terms]
    return sum(counts[:term]) <= occurrence < sum(counts[: term + 1])


def _acting(topo: Topology) -> list[frozenset[int]]:
    """The sign actions under which the neurons of each site flip."""
    acting: list[set[int]] = [set() for _ in topo.space.sites]
    for block in topo.blocks:
        spec: TensorSpec = topo.space.tensors[block.tensor]
        acting[int(topo.node_type[block.targets[0]])] |= _signs(topo, block.tensor, spec.target, block.term)
        acting[int(topo.node_type[block.sources[0, 0]])] |= _signs(topo, block.tensor, spec.source, block.term)
    for vector in topo.vectors:
        acting[int(topo.node_type[vector.nodes[0]])] |= _signs(topo, vector.tensor, vector.axes, None)
    return [frozenset(own) for own in acting]
