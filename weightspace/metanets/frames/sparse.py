"""A batch of nets of any architectures as lists of edges."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, Topology
from weightspace.metanets.frames.frame import Edges, Frame


class SparseFrame(Frame):
    """See `Frame`; nodes are ``[nodes of all nets, ...]``, edges ``[edges of all nets, ...]``."""

    def __init__(self, graph: Data | Batch, topologies: tuple[Topology, ...], which: Tensor, layout: Layout):
        device = graph.x.device
        self.topologies, self.which, self.nets = topologies, which.to(device), which.numel()
        self.x = graph.x
        self.edges = (Edges(graph.edge_attr, tuple(range(layout.edge)), 0),)
        self.source, self.target = graph.edge_index
        net = graph.batch if isinstance(graph, Batch) else torch.zeros(len(graph.x), dtype=torch.long, device=device)
        self.net = net
        sites, kinds = self._counts("site_features"), self._counts("edge_features")
        own = torch.tensor([len(topo.site_features) for topo in topologies])[which]  # known without asking the device
        self.node_row = _starts(sites)[self.which][net] + graph.node_type
        self.edge_row = _starts(kinds)[self.which][net[self.source]] + graph.edge_type
        self.site = _starts(sites[self.which])[net] + graph.node_type
        of_net = torch.repeat_interleave(torch.arange(self.nets), own)
        self.site_net, inside = of_net.to(device), torch.arange(len(of_net)) - _starts(own)[of_net]
        self.site_row = inside.to(device) + _starts(sites)[self.which][self.site_net]
        nodes = torch.tensor([topo.nodes for topo in topologies], device=device)
        inside = torch.arange(len(self.x), device=device) - _starts(nodes[self.which])[net]
        self.own_row = _starts(nodes)[self.which][net] + inside

    def _counts(self, name: str) -> Tensor:
        return torch.tensor([len(getattr(topo, name)) for topo in self.topologies], device=self.x.device)

    def at_nodes(self, tables: list[Tensor]) -> Tensor:
        return self._rows(tables, self.node_row)

    def at_edges(self, tables: list[Tensor], edges: Edges) -> Tensor:
        return self._rows(tables, self.edge_row)

    def per_node(self, tables: list[Tensor]) -> Tensor:
        return self._rows(tables, self.own_row)

    def per_site(self, tables: list[Tensor]) -> Tensor:
        return self._rows(tables, self.site_row)

    def _rows(self, tables: list[Tensor], rows: Tensor) -> Tensor:
        """Rows of the tables; nets of one space have the same, looked up once: gradients of look-ups are slow."""
        if len(tables) > 1:
            return torch.cat(tables)[rows]
        return tables[0][rows[: len(rows) // self.nets]].repeat(self.nets, 1)

    def sources(self, h: Tensor, edges: Edges) -> Tensor:
        return h[self.source]

    def targets(self, h: Tensor, edges: Edges) -> Tensor:
        return h[self.target]

    def to_targets(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        return _reduce(messages[0], self.target, len(self.x), reduce)

    def to_sources(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        return _reduce(messages[0], self.source, len(self.x), reduce)

    def pool(self, h: Tensor, reduce: str = "mean") -> Tensor:
        return _reduce(h, self.site, len(self.site_net), reduce)

    def to_nodes(self, u: Tensor) -> Tensor:
        return u[self.net]

    def sum_sites(self, pooled: Tensor) -> Tensor:
        return _reduce(pooled, self.site_net, self.nets, "sum")


def _reduce(values: Tensor, index: Tensor, size: int, reduce: str) -> Tensor:
    if reduce == "max":
        place = index[:, None].expand_as(values)
        return values.new_zeros(size, values.shape[1]).scatter_reduce(0, place, values, "amax", include_self=False)
    total = values.new_zeros(size, values.shape[1]).index_add(0, index, values)
    if reduce == "sum":
        return total
    count = values.new_zeros(size).index_add(0, index, values.new_ones(len(index)))
    return total / count.clamp(min=1)[:, None]


def _starts(counts: Tensor) -> Tensor:
    return counts.cumsum(0) - counts
