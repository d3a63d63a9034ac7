"""How every node and edge of a graph transforms when neurons are scaled or change sign."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.graphs import Topology
from weightspace.space import TensorSpec


@dataclass(frozen=True, eq=False)
class Powers:
    """The powers of the neurons' factors.

    Attributes:
        scale, sign: ``[sites, 1]``, one where the neurons of the site may be scaled, may change sign.
        target, source: ``[blocks + links, 1]``, the power of the target's and of the source's factor in an edge.
        vectors: ``[sites, columns]``, the power of the node's factor in each of its features.
    """

    scale: Tensor
    sign: Tensor
    target: Tensor
    source: Tensor
    vectors: Tensor


@lru_cache(maxsize=128)
def powers(topo: Topology) -> Powers:
    """Read the powers from the actions of the weight space."""
    space = topo.space
    kinds = {kind: {action.name for action in space.actions if action.kind == kind} for kind in ("scale", "sign")}
    names = [{atom.name for atom in site.axis.atoms()} for site in space.sites]
    flags = {kind: torch.tensor([[float(bool(own & kinds[kind]))] for own in names]) for kind in kinds}
    target, source = torch.zeros(len(topo.edge_features), 1), torch.zeros(len(topo.edge_features), 1)
    for number, block in enumerate(topo.blocks):
        spec = space.tensors[block.tensor]
        target[number] = _power(topo, block.tensor, spec, spec.target)
        source[number] = _power(topo, block.tensor, spec, spec.source)
    for number, link in enumerate(space.links, len(topo.blocks)):
        if space.sites[link.source].axis == space.sites[link.target].axis:
            target[number], source[number] = 1.0, -1.0  # both ends bear one factor
    vectors = torch.zeros(len(space.sites), topo.layout.node)
    for vector in topo.vectors:
        spec = space.tensors[vector.tensor]
        start = topo.layout.slot(vector.slot) + vector.column
        own = _power(topo, vector.tensor, spec, tuple(range(len(spec.axes))))
        vectors[spec.target_site, start : start + vector.width] = own
    return Powers(flags["scale"], flags["sign"], target, source, vectors)


def _power(topo: Topology, name: str, spec: TensorSpec, axes: tuple[int, ...]) -> float:
    """The power on the given axes of a tensor, the same for scale and sign."""
    found = {
        float(power)
        for action in topo.space.actions
        if action.kind in ("scale", "sign")
        for axis, _, power in action.powers.get(name, ())
        if axis in axes
    }
    if len(found) > 1:
        raise ValueError(f"All factors on the axes {axes} of {name!r} must have one power, got {sorted(found)}.")
    return found.pop() if found else 0.0
