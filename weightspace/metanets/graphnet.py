"""The base of metanets that pass messages on the graph: inputs, rounds, and three ways to read the result."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import POSITIONS, SITE_FEATURES, Layout, topology
from weightspace.graphs.convert import one_skeleton, read_tensors
from weightspace.metanets.base import Metanet
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.make import make_frame
from weightspace.metanets.inputs.scaling import InputScaling
from weightspace.metanets.layers.message import EdgeEmbedding
from weightspace.metanets.layers.readout import Readout
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class GraphNetConfig(MetanetConfig):
    """What all message-passing metanets are told.

    Args:
        width: features of a node and of an edge. layers: rounds of messages. dropout: before the last layer.
    """

    width: int = 64
    layers: int = 4
    dropout: float = 0.0


class NodeEmbedding(nn.Module):
    """The vectors on a node, its place if it can't be permuted, and what is known of its site, as one vector."""

    def __init__(self, columns: int, width: int):
        super().__init__()
        self.vectors = nn.Linear(columns, width)
        self.position = nn.Linear(POSITIONS, width, bias=False)
        self.site = nn.Linear(len(SITE_FEATURES), width, bias=False)

    def forward(self, frame: Frame, x: Tensor) -> Tensor:
        """``[..., width]`` from the scaled vectors ``x``."""
        sites = [self.site(topo.site_features.to(x)) for topo in frame.topologies]
        places = [self.position(topo.positions.to(x)) for topo in frame.topologies]
        return self.vectors(x) + frame.at_nodes(sites) + frame.per_node(places)


class GraphNet(Metanet):
    """Scaled inputs, rounds of messages (`encode`), and a head; what its children share.

    A batch of one architecture runs on dense blocks, a mixed one on edge lists, with the same result. With
    ``head="weights"`` a change is in units of the usual size of its tensor, plus a multiple of the old weight, so that
    the identity can be said; it needs a batch of one architecture.

    Attributes:
        dense: False forces edge lists.
    """

    Config = GraphNetConfig
    heads = ("graph", "weights", "neurons")
    dense: bool | None = None

    def __init__(self, config: GraphNetConfig):
        super().__init__(config)
        self.scaling = InputScaling(self.spaces, self.layout)
        self.build(config)
        if config.head == "graph":
            self.readout = Readout(self.spaces, config.width, config.outputs, config.dropout)
        elif config.head == "neurons":
            self.readout = nn.Linear(config.width, config.outputs)
        else:
            self.build_change(config)

    @abstractmethod
    def build(self, config: GraphNetConfig) -> None:
        """Make the layers."""

    def build_change(self, config: GraphNetConfig) -> None:
        """Make the layers of the head ``"weights"``."""
        width = config.width
        self.node_change, self.edge_change = nn.Linear(width, self.layout.node), nn.Linear(width, self.layout.edge)
        self.edge_source, self.edge_target = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.edge_old = EdgeEmbedding(self.layout, width)
        self.node_gate, self.edge_gate = nn.Linear(width, self.layout.node), nn.Linear(width, self.layout.edge)
        for gate in (self.node_gate, self.edge_gate):  # multiples of the old weights, none at first
            nn.init.zeros_(gate.weight)
            nn.init.zeros_(gate.bias)

    @abstractmethod
    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        """Features of every neuron ``[..., width]``.

        Args:
            frame: the batch. x: scaled features of the nodes. values: scaled features of each group of edges.
        """

    def fit_statistics(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> "GraphNet":
        for space, stack in weights.items():
            self.scaling.fit(space, dict(stack))
        return self

    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        frame = make_frame(graph, self.layout, self.dense)
        shares = self.readout.shares(frame) if self.config.head == "graph" else None
        values = [self.scaling.edges(frame, edges) for edges in frame.edges]
        h = self.encode(frame, self.scaling.nodes(frame), values)
        if self.config.head == "graph":
            return self.readout(frame, h, shares)
        if self.config.head == "neurons":
            return self.readout(h).flatten(0, -2)
        return self._changes(graph, frame, h, values)

    def _changes(self, graph: Data | Batch, frame: Frame, h: Tensor, values: list[Tensor]) -> dict[str, Tensor]:
        source, target, edges = self.edge_source(h), self.edge_target(h), []
        for group, value in zip(frame.edges, values, strict=True):
            joined = self.edge_old(frame, group, value)
            joined = torch.relu(joined + frame.sources(source, group) + frame.targets(target, group))
            change = self.edge_change(joined) * self.scaling.edge_sizes(frame, group)
            edges.append(change + self.edge_gate(joined) * all_columns(group.values, group.columns, self.layout.edge))
        nodes = self.node_change(h) * self.scaling.node_sizes(frame) + self.node_gate(h) * frame.x
        return read_changes(graph, frame, self.layout, nodes, edges)


def all_columns(values: Tensor, columns: tuple[int, ...], width: int) -> Tensor:
    """Values in their columns of the layout, zero in the others."""
    if len(columns) == width:
        return values
    full = values.new_zeros(*values.shape[:-1], width)
    full[..., list(columns)] = values
    return full


@torch.compiler.disable  # Python over spaces
def read_changes(
    graph: Data | Batch, frame: Frame, layout: Layout, x: Tensor, edges: list[Tensor]
) -> dict[str, Tensor]:
    """Changes of nodes ``[..., columns]`` and of groups of edges as changes of weights; zero for what is on neither."""
    space, _ = one_skeleton(graph)
    topo = topology(space, layout)
    rows = torch.cat([edge.reshape(frame.nets, -1, layout.edge) for edge in edges], 1)
    found = read_tensors(topo, x.reshape(frame.nets, topo.nodes, -1), rows)
    for name, spec in space.tensors.items():
        if name not in found:
            found[name] = x.new_zeros(frame.nets, *spec.shape)
    return {name: found[name] if isinstance(graph, Batch) else found[name][0] for name in space.tensors}
