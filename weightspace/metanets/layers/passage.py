"""The way that an input takes through a net, from site to site: what the weight space alone decides of it."""

from dataclasses import dataclass
from functools import lru_cache
from math import pi
from typing import Any

import torch
from torch import Tensor

from weightspace.graphs import Topology
from weightspace.metanets.frames.dense import connections
from weightspace.space import WeightSpace


@dataclass(frozen=True, eq=False)
class BlockStep:
    """A tensor of weights on the way to a site.

    Attributes:
        number: of the block.
        sites: that it reads.
        place: which of their nodes it reads, if not all of them in order; ``[targets, sources]`` where each target has
            sources of its own.
        kernel: height and width of a convolution's.
        settings: of the operator, such as ``stride``.
        targets: the nodes of the target site that it leads to, if not all.
        nodes: of the target site.
    """

    number: int
    sites: tuple[int, ...]
    place: Tensor | None
    kernel: tuple[int, int] | None
    settings: dict[str, Any]
    targets: Tensor | None
    nodes: int


@dataclass(frozen=True, eq=False)
class LinkStep:
    """A link on the way to a site.

    Attributes:
        kind: its number after the blocks.
        site: that it reads.
        sources, targets: the nodes that it joins, counted inside their sites.
        share: ``[nodes, 1, 1]``, one over the links that arrive at each node.
    """

    kind: int
    site: int
    sources: Tensor
    targets: Tensor
    share: Tensor


@dataclass(frozen=True, eq=False)
class Passage:
    """See `passage`.

    Attributes:
        order: all sites, each after those that lead to it.
        inputs: sites that nothing leads to.
        outputs: sites that give the net's output.
        starts: the first node of each site, and the number of nodes.
        blocks, links: what leads to each site.
        held: the sites that have a vector, and in which slot.
        activations, rates: of each site; the input of a sine is multiplied with its rate.
    """

    order: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    starts: tuple[int, ...]
    blocks: dict[int, tuple[BlockStep, ...]]
    links: dict[int, tuple[LinkStep, ...]]
    held: frozenset[tuple[int, str]]
    activations: tuple[str, ...]
    rates: tuple[float, ...]


@lru_cache(maxsize=128)
def passage(topo: Topology) -> Passage:
    """The way through the nets of a topology."""
    space, sites = topo.space, range(len(topo.space.sites))
    blocks: dict[int, list[BlockStep]] = {site: [] for site in sites}
    for number, block in enumerate(topo.blocks):
        target = space.tensors[block.tensor].target_site
        if target is not None:
            blocks[target].append(_block_step(topo, number))
    links: dict[int, list[LinkStep]] = {site: [] for site in sites}
    for number, link in enumerate(space.links):
        links[link.target].append(_link_step(topo, number))
    order, inputs, outputs = _order(topo)
    return Passage(
        tuple(order),
        tuple(inputs),
        tuple(outputs),
        topo.starts,
        {site: tuple(steps) for site, steps in blocks.items()},
        {site: tuple(steps) for site, steps in links.items()},
        frozenset((int(topo.node_type[vector.nodes[0]]), vector.slot) for vector in topo.vectors),
        tuple(site.activation for site in space.sites),
        tuple(_sine_rate(space, site) for site in sites),
    )


@lru_cache(maxsize=1024)
def response_kind(topo: Topology) -> str:
    """What nets must share to be sent the same inputs and be read alike: the sizes of inputs and outputs."""
    way = passage(topo)
    sizes = [[str(topo.space.sites[site].axis.size) for site in sites] for sites in (way.inputs, way.outputs)]
    return f"{'maps' if takes_maps(topo) else 'vectors'} {' and '.join(sizes[0])} to {' and '.join(sizes[1])}"


def takes_maps(topo: Topology) -> bool:
    """Whether inputs have height and width."""
    return any(block.kernel for block in topo.blocks)


def _order(topo: Topology) -> tuple[list[int], list[int], list[int]]:
    """All sites, each after those that lead to it; those that nothing leads to; and those that give the output."""
    before: dict[int, set[int]] = {site: set() for site in range(len(topo.space.sites))}
    for source, target in topo.edge_index.T.unique(dim=0).tolist():
        before[int(topo.node_type[target])].add(int(topo.node_type[source]))
    order: list[int] = []
    while len(order) < len(before):
        rest = [site for site in before if site not in order]
        ready = [site for site in rest if before[site] - {site} <= set(order)]
        order += ready or rest[:1]  # recurrent: begin somewhere
    inputs = [site for site in before if not before[site]]
    outputs = [site for site in before if topo.space.sites[site].kind == "output"]
    return order, inputs, outputs or order[-1:]


def _block_step(topo: Topology, number: int) -> BlockStep:
    block = topo.blocks[number]
    sites = topo.node_type[block.sources].unique().tolist()
    local = torch.cat([torch.arange(topo.starts[site], topo.starts[site + 1]) for site in sites])
    place: Tensor | None = torch.searchsorted(local, block.sources.contiguous())
    if not connections(topo)[number].paired:
        place = None if torch.equal(place[0], torch.arange(len(local))) else place[0]
    site = int(topo.node_type[block.targets[0]])
    nodes = topo.starts[site + 1] - topo.starts[site]
    targets = None if len(block.targets) == nodes else block.targets - topo.starts[site]
    settings = dict(topo.space.tensors[block.tensor].settings)
    return BlockStep(number, tuple(sites), place, block.kernel, settings, targets, nodes)


def _link_step(topo: Topology, number: int) -> LinkStep:
    link, kind = topo.space.links[number], len(topo.blocks) + number
    source, target = topo.edge_index[:, topo.edge_type == kind]
    targets = target - topo.starts[link.target]
    nodes = topo.starts[link.target + 1] - topo.starts[link.target]
    count = torch.zeros(nodes).index_add(0, targets, torch.ones(len(targets)))
    share = (1 / count.clamp(min=1))[:, None, None]
    return LinkStep(kind, link.source, source - topo.starts[link.source], targets, share)


def _sine_rate(space: WeightSpace, site: int) -> float:
    """What the input of a sine is multiplied with: as the site says, or as half a turn of its bias tells; else 1."""
    for action in space.actions:
        for name, shift in action.shifts.items():
            if action.kind == "phase" and space.tensors[name].target_site == site:
                return pi / abs(shift)
    return float(space.sites[site].settings.get("w0", 1.0))
