"""How every node and edge of a graph transforms when neurons are scaled or change sign."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.graphs import Topology
from weightspace.space import Axis, Sum, WeightSpace


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
    _one_factor(space)
    kinds = {kind: {action.name for action in space.actions if action.kind == kind} for kind in ("scale", "sign")}
    names = [{atom.name for atom in site.axis.atoms()} for site in space.sites]
    flags = {kind: torch.tensor([[float(bool(own & kinds[kind]))] for own in names]) for kind in kinds}
    target, source = torch.zeros(len(topo.edge_features), 1), torch.zeros(len(topo.edge_features), 1)
    for number, block in enumerate(topo.blocks):
        spec = space.tensors[block.tensor]
        target[number] = _power(space, block.tensor, spec.target, block.term)
        source[number] = -_power(space, block.tensor, spec.source, block.term, -1.0)
    for number, link in enumerate(space.links, len(topo.blocks)):
        if space.sites[link.source].axis == space.sites[link.target].axis:
            target[number], source[number] = 1.0, -1.0  # both ends bear one factor
    vectors = torch.zeros(len(space.sites), topo.layout.node)
    for vector in topo.vectors:
        spec = space.tensors[vector.tensor]
        start = topo.layout.slot(vector.slot) + vector.column
        own = _power(space, vector.tensor, tuple(range(len(spec.axes))), 0)
        vectors[spec.target_site, start : start + vector.width] = own
    return Powers(flags["scale"], flags["sign"], target, source, vectors)


def _power(space: WeightSpace, name: str, axes: tuple[int, ...], term: int, sense: float = 1.0) -> float:
    """The power on the given axes of a tensor, times ``sense``; a sign is its own inverse, so an odd power is one."""
    found = set()
    for action in space.actions:
        for axis, occurrence, power in action.powers.get(name, ()):
            if axis in axes and occurrence in _occurrences(space.tensors[name].axes[axis], term):
                found |= {sense * power} if action.kind == "scale" else set()
                found |= {power % 2} if action.kind == "sign" else set()
    if len(found) > 1:
        raise ValueError(f"All factors on the axes {axes} of {name!r} must have one power, got {sorted(found)}.")
    return float(found.pop()) if found else 0.0


def _occurrences(axis: Axis, term: int) -> range:
    """Which atoms of an axis belong to a term of it."""
    if not isinstance(axis, Sum):
        return range(len(axis.atoms()))
    counts = [len(part.atoms()) for part in axis.terms]
    return range(sum(counts[:term]), sum(counts[: term + 1]))


def _one_factor(space: WeightSpace) -> None:
    """See that no neuron can be scaled in two ways, as between a norm and what is before it."""
    for kind in ("scale", "sign"):
        names = [action.name for action in space.actions if action.kind == kind]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"ScaleGMN needs one {kind} a neuron, but {', '.join(twice)} have several. Take GraphMetanet, which is "
                "equivariant to permutations alone."
            )
