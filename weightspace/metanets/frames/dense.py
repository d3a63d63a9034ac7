"""A batch of nets of one skeleton as dense blocks: matrix products and broadcasts instead of gathering."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, Topology, edge_parts
from weightspace.metanets.frames.frame import Edges, Frame


@dataclass(frozen=True, eq=False)
class Connections:
    """Where the edges of one block lead, the same for all nets.

    Attributes:
        targets: the target nodes.
        sources: the source nodes, those of one target or, if ``paired``, of all.
        paired: whether each target has sources of its own (depthwise and grouped weights, links).
        shape: targets, sources of each.
    """

    targets: Tensor | slice
    sources: Tensor | slice
    paired: bool
    shape: tuple[int, int]


@lru_cache(maxsize=128)
def connections(topo: Topology) -> tuple[Connections, ...]:
    """The connections of every block, and of the links after them."""
    found = []
    for block in topo.blocks:
        paired = bool((block.sources != block.sources[:1]).any())
        sources = block.sources.flatten() if paired else block.sources[0]
        found.append(Connections(_slice(block.targets), _slice(sources), paired, tuple(block.sources.shape)))
    for number in range(len(topo.blocks), len(topo.edge_features)):
        source, target = topo.edge_index[:, topo.edge_type == number]
        found.append(Connections(_slice(target), _slice(source), True, (target.numel(), 1)))
    return tuple(found)


def _slice(index: Tensor) -> Tensor | slice:
    if index.numel() and torch.equal(index, torch.arange(index.numel()) + index[0]):
        return slice(int(index[0]), int(index[-1]) + 1)
    return index


class DenseFrame(Frame):
    """See `Frame`; nodes are ``[nets, nodes, ...]``, edges ``[nets, targets, sources, ...]``."""

    def __init__(self, graph: Data | Batch, topologies: tuple[Topology, ...], which: Tensor, layout: Layout):
        topo = topologies[0]
        self.topologies, self.which, self.nets = topologies, which.to(graph.x.device), which.numel()
        self.layout = layout
        self.connections = connections(topo)
        x = graph.x.reshape(self.nets, topo.nodes, graph.x.shape[-1])
        self.x = x if topo.layout.slots == layout.slots else _fit_slots(x, topo.layout, layout)
        parts, groups = edge_parts(graph, topo, self.nets), []
        for number, wire in enumerate(self.connections):
            block = topo.blocks[number] if number < len(topo.blocks) else None
            values = parts[number] if block else x.new_zeros(self.nets, wire.shape[0] * wire.shape[1], 1)
            columns = layout.edge_columns(block.width, block.kernel) if block else layout.edge_columns(1, None)
            groups.append(Edges(values.reshape(self.nets, *wire.shape, values.shape[-1]), columns, number))
        self.edges = tuple(groups)

    def paired(self, edges: Edges) -> bool:
        """Whether each target of a group of edges has sources of its own."""
        return self.connections[edges.number].paired

    def at_nodes(self, tables: list[Tensor]) -> Tensor:
        types = self.topologies[0].node_type.to(self.x.device)
        return self._spread(tables)[..., types, :]

    def at_edges(self, tables: list[Tensor], edges: Edges) -> Tensor:
        return self._spread(tables)[..., edges.number, :][..., None, None, :]

    def per_node(self, tables: list[Tensor]) -> Tensor:
        return self._spread(tables)

    def per_site(self, tables: list[Tensor]) -> Tensor:
        return self._spread(tables)

    def sources(self, h: Tensor, edges: Edges) -> Tensor:
        wire = self.connections[edges.number]
        rows = h[:, _on(wire.sources, h)]
        return rows.unflatten(1, wire.shape) if wire.paired else rows[:, None]

    def targets(self, h: Tensor, edges: Edges) -> Tensor:
        return h[:, _on(self.connections[edges.number].targets, h)][:, :, None]

    def to_targets(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        totals = []
        for wire, message in zip(self.connections, messages, strict=True):
            totals.append((wire.targets, message.amax(2) if reduce == "max" else message.sum(2)))
        return self._collect(totals, reduce)

    def to_sources(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        totals = []
        for wire, message in zip(self.connections, messages, strict=True):
            if wire.paired:
                totals.append((wire.sources, message.flatten(1, 2)))
            else:
                totals.append((wire.sources, message.amax(1) if reduce == "max" else message.sum(1)))
        return self._collect(totals, reduce)

    def pool(self, h: Tensor, reduce: str = "mean") -> Tensor:
        topo = self.topologies[0]
        parts = [h[:, topo.site(number)] for number in range(len(topo.starts) - 1)]
        return torch.stack([part.amax(1) if reduce == "max" else part.mean(1) for part in parts], 1)

    def to_nodes(self, u: Tensor) -> Tensor:
        return u[:, None]

    def sum_sites(self, pooled: Tensor) -> Tensor:
        return pooled.sum(1)

    def _spread(self, tables: list[Tensor]) -> Tensor:
        return tables[0] if len(tables) == 1 else torch.stack(tables)[self.which]

    def _collect(self, totals: list[tuple[Tensor | slice, Tensor]], reduce: str) -> Tensor:
        like = totals[0][1]
        nodes = self.topologies[0].nodes
        if reduce == "max":
            return _largest(totals, nodes, like)
        collected = like.new_zeros(self.nets, nodes, like.shape[-1])
        for place, value in totals:
            if isinstance(place, slice):
                collected[:, place] += value
            else:
                collected = collected.index_add(1, place.to(value.device), value)
        return collected


def _largest(totals: list[tuple[Tensor | slice, Tensor]], nodes: int, like: Tensor) -> Tensor:
    index = [torch.arange(nodes)[place] if isinstance(place, slice) else place for place, _ in totals]
    place = torch.cat(index).to(like.device)[None, :, None]
    values = torch.cat([value for _, value in totals], 1)
    zeros = like.new_zeros(like.shape[0], nodes, like.shape[-1])
    return zeros.scatter_reduce(1, place.expand_as(values), values, "amax", include_self=False)


def _on(place: Tensor | slice, like: Tensor) -> Tensor | slice:
    return place if isinstance(place, slice) else place.to(like.device)


def _fit_slots(x: Tensor, held: Layout, wanted: Layout) -> Tensor:
    if any(mine > own for mine, own in zip(held.slots, wanted.slots, strict=True)):
        raise ValueError(f"The metanet reads node features of the widths {wanted.slots}, got {held.slots}.")
    parts = x.split(list(held.slots), -1)
    pads = [
        torch.nn.functional.pad(part, (0, own - part.shape[-1])) for part, own in zip(parts, wanted.slots, strict=True)
    ]
    return torch.cat(pads, -1)
