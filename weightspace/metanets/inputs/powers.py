"""How every node and edge of a graph transforms when neurons are scaled or change sign."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.graphs import Topology
from weightspace.space import Axis, Sum, TensorSpec, WeightSpace


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
    space, acting = topo.space, _acting(topo.space)
    flags = {
        kind: torch.tensor([[float(any(space.actions[n].kind == kind for n in own))] for own in acting])
        for kind in ("scale", "sign")
    }
    target, source = torch.zeros(len(topo.edge_features), 1), torch.zeros(len(topo.edge_features), 1)
    for number, block in enumerate(topo.blocks):
        spec = space.tensors[block.tensor]
        target[number] = _power(space, block.tensor, spec.target, block.term)
        source[number] = -_power(space, block.tensor, spec.source, block.term, -1.0)
    for number, link in enumerate(space.links, len(topo.blocks)):
        same = space.sites[link.source].axis == space.sites[link.target].axis
        if same and acting[link.source] == acting[link.target]:
            target[number], source[number] = 1.0, -1.0  # both ends bear one factor
    vectors = torch.zeros(len(space.sites), topo.layout.node)
    for vector in topo.vectors:
        spec = space.tensors[vector.tensor]
        start = topo.layout.slot(vector.slot) + vector.column
        own = _power(space, vector.tensor, vector.axes, 0)
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


def _acting(space: WeightSpace) -> list[set[int]]:
    """The scale and sign actions that move the neurons of each site, one of each kind a name at most."""
    acting: list[set[int]] = [set() for _ in space.sites]
    for number, action in enumerate(space.actions):
        for name, places in action.powers.items() if action.kind in ("scale", "sign") else ():
            spec = space.tensors[name]
            for axis, occurrence, _ in places:
                for site in _sites_of(spec, axis, occurrence):
                    acting[site].add(number)
    for site, own in zip(space.sites, acting, strict=True):
        held = [(space.actions[number].name, space.actions[number].kind) for number in own]
        if len(set(held)) < len(held):
            raise ValueError(
                f"ScaleGMN needs one scale and one sign a neuron, but those of {site.name!r} have several, as where a "
                "norm stands between, or one matrix leads to queries, keys and values. Take GraphMetanet, which is "
                "equivariant to permutations alone."
            )
    for site, own in zip(space.sites, acting, strict=True):
        moved = [
            {name for name in space.actions[number].powers if space.tensors[name].role == "weight"} for number in own
        ]
        if any(names != moved[0] for names in moved):
            raise ValueError(
                f"ScaleGMN needs the scale and the sign of a neuron to move the same weights, but at {site.name!r} "
                "they move others, as around a norm. Take GraphMetanet, which is equivariant to permutations alone."
            )
    return acting


def _sites_of(spec: TensorSpec, axis: int, occurrence: int) -> list[int]:
    if axis in spec.source and spec.source_sites:
        terms = range(len(spec.source_sites)) if isinstance(spec.axes[axis], Sum) else (0,)
        found = [
            spec.source_sites[t] for t in terms if occurrence in _occurrences(spec.axes[axis], t) or len(terms) == 1
        ]
    else:
        found = [spec.target_site]
    return [site for site in found if site is not None]
