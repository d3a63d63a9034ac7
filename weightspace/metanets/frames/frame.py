"""A batch as the few operations that message passing needs; on dense blocks or on edge lists, with the same result."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from weightspace.graphs import Topology


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges that a layer works on at once: those of one tensor in a dense frame, all of them in a sparse one.

    Attributes:
        values: their features, dense ``[nets, targets, sources, columns]``, sparse ``[edges, columns]``.
        columns: which columns of the layout these are.
        number: the place of this object in ``frame.edges``.
    """

    values: Tensor
    columns: tuple[int, ...]
    number: int


class Frame(ABC):
    """What a message-passing metanet computes on.

    Nodes are ``[nets, nodes, ...]`` in a dense frame (a batch of one skeleton) and ``[nodes of all nets, ...]`` in a
    sparse one. Layers that use only these operations run on both, with the same parameters and the same result.

    Attributes:
        x: features of the nodes.
        edges: groups of edges.
        nets: number of nets.
        topologies: the distinct ones in the batch; ``which`` says for each net which one it has.
    """

    x: Tensor
    edges: tuple[Edges, ...]
    nets: int
    topologies: tuple[Topology, ...]
    which: Tensor

    @abstractmethod
    def at_nodes(self, tables: list[Tensor]) -> Tensor:
        """Rows of a table ``[sites, ...]`` (one table a topology) for each node, to broadcast against ``x``."""

    @abstractmethod
    def at_edges(self, tables: list[Tensor], edges: Edges) -> Tensor:
        """Rows of a table ``[blocks + links, ...]`` (one a topology) for a group of edges, to broadcast."""

    @abstractmethod
    def per_node(self, tables: list[Tensor]) -> Tensor:
        """Rows of a table ``[nodes of one net, ...]`` (one a topology), to broadcast against ``x``."""

    @abstractmethod
    def sources(self, h: Tensor, edges: Edges) -> Tensor:
        """Features of the source nodes, to broadcast against the edges."""

    @abstractmethod
    def targets(self, h: Tensor, edges: Edges) -> Tensor:
        """Features of the target nodes, to broadcast against the edges."""

    @abstractmethod
    def to_targets(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        """Sum (or largest) of the messages that arrive at each node, a tensor for each group of edges."""

    @abstractmethod
    def to_sources(self, messages: list[Tensor], reduce: str = "sum") -> Tensor:
        """Sum (or largest) of the messages for each node that they came from."""

    @abstractmethod
    def pool(self, h: Tensor, reduce: str = "mean") -> Tensor:
        """Mean (or largest) over the nodes of each site, ``[nets, sites, ...]`` or ``[sites of all nets, ...]``."""

    @abstractmethod
    def per_site(self, tables: list[Tensor]) -> Tensor:
        """Rows of a table ``[sites, ...]`` (one a topology), to broadcast against what `pool` gives."""

    @abstractmethod
    def to_nodes(self, u: Tensor) -> Tensor:
        """Features of each net ``[nets, ...]``, to broadcast against node features."""

    @abstractmethod
    def sum_sites(self, pooled: Tensor) -> Tensor:
        """The sum over the sites of each net of what `pool` gives, ``[nets, ...]``."""

    def mean_sites(self, pooled: Tensor) -> Tensor:
        """The mean over the sites of each net, ``[nets, ...]``."""
        counts = [len(topo.site_features) for topo in self.topologies]
        return self.sum_sites(pooled * self.per_site([pooled.new_full((n, 1), 1 / n) for n in counts]))
