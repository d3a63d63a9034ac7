"""The base of metanets that pass messages on the graph: a frame of the batch, features of neurons, and three heads."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.metanets.base import SingleMetanet
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.changes import all_columns, read_changes
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
        width: features of a node and of an edge.
        layers: rounds of messages.
        dropout: before the last layer.
    """

    width: int = 64
    layers: int = 4
    dropout: float = 0.0


class Encoding(NamedTuple):
    """What a `GraphNet` makes of a batch before its head.

    Attributes:
        neurons: features of every neuron ``[..., width]`` that no scale or sign changes.
        nodes: the scaled vectors on the nodes ``[..., columns]``.
        edges: the scaled features of each group of edges.
        moving: features of every neuron that move with scales and signs, where a class has any.
    """

    neurons: Tensor
    nodes: Tensor
    edges: list[Tensor]
    moving: tuple[Tensor, ...] = ()


class GraphNet(SingleMetanet):
    """Features of every neuron from messages (`encode`), and a head; what its children share.

    A batch of one architecture runs on dense blocks, a mixed one on edge lists, with the same result. Changes of
    weights need a batch of one architecture.

    Attributes:
        dense: False forces edge lists.
        readout: of the heads ``"graph"`` and ``"neurons"``; a child makes it last, by `make_readout`.
    """

    Config = GraphNetConfig
    config: GraphNetConfig
    heads = ("graph", "weights", "neurons")
    passes_messages = True
    dense: bool | None = None
    readout: Readout | nn.Linear

    def __init__(self, config: GraphNetConfig):
        super().__init__(config)
        self.scaling = InputScaling(self.spaces, self.layout)

    @abstractmethod
    def encode(self, frame: Frame) -> Encoding:
        """Scale the inputs and pass messages."""

    @abstractmethod
    def change(self, frame: Frame, encoding: Encoding) -> tuple[Tensor, list[Tensor]]:
        """Changes of the nodes ``[..., columns]`` and of each group of edges ``[..., columns]``, all of the layout."""

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        for space, stack in weights.items():
            self.scaling.fit(space, dict(stack))

    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        frame = make_frame(graph, self.layout, self.dense)
        if self.config.head == "weights":
            return read_changes(graph, frame, self.layout, *self.change(frame, self.encode(frame)))
        if self.config.head == "neurons":
            return self.readout(self.encode(frame).neurons).flatten(0, -2)
        assert isinstance(self.readout, Readout), "So make_readout gives it."
        shares = self.readout.shares(frame)
        return self.readout(frame, self.encode(frame).neurons, shares)


def make_readout(spaces: tuple[WeightSpace, ...], config: GraphNetConfig) -> Readout | nn.Linear:
    """What reads the features of neurons with the heads ``"graph"`` and ``"neurons"``."""
    if config.head == "graph":
        return Readout(spaces, config.width, config.outputs, config.dropout)
    return nn.Linear(config.width, config.outputs)


class CompressingGraphNet(GraphNet):
    """A `GraphNet` that compresses large weights and is equivariant to permutations alone.

    With ``head="weights"`` a change is in units of the usual size of its tensor, plus a multiple of the old weight, so
    that the identity can be said.
    """

    def add_head(self, config: GraphNetConfig) -> None:
        """Make the layers of the head; the last that a child does when it is made."""
        if config.head != "weights":
            self.readout = make_readout(self.spaces, config)
            return
        width = config.width
        self.node_change, self.edge_change = nn.Linear(width, self.layout.node), nn.Linear(width, self.layout.edge)
        self.edge_source, self.edge_target = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.edge_old = EdgeEmbedding(self.layout, width)
        self.node_gate, self.edge_gate = nn.Linear(width, self.layout.node), nn.Linear(width, self.layout.edge)
        for gate in (self.node_gate, self.edge_gate):  # multiples of the old weights, none at first
            nn.init.zeros_(gate.weight)
            nn.init.zeros_(gate.bias)

    @abstractmethod
    def pass_messages(self, frame: Frame, nodes: Tensor, edges: list[Tensor]) -> Tensor:
        """Features of every neuron ``[..., width]``.

        Args:
            frame: the batch. nodes: scaled features of the nodes. edges: scaled features of each group of edges.
        """

    def encode(self, frame: Frame) -> Encoding:
        edges = [self.scaling.edges(frame, group) for group in frame.edges]
        nodes = self.scaling.nodes(frame)
        return Encoding(self.pass_messages(frame, nodes, edges), nodes, edges)

    def change(self, frame: Frame, encoding: Encoding) -> tuple[Tensor, list[Tensor]]:
        neurons, changes = encoding.neurons, []
        source, target = self.edge_source(neurons), self.edge_target(neurons)
        for group, value in zip(frame.edges, encoding.edges, strict=True):
            joined = self.edge_old(frame, group, value)
            joined = torch.relu(joined + frame.sources(source, group) + frame.targets(target, group))
            change = self.edge_change(joined) * self.scaling.edge_sizes(frame, group)
            changes.append(change + self.edge_gate(joined) * all_columns(group.values, group.columns, self.layout.edge))
        nodes = self.node_change(neurons) * self.scaling.node_sizes(frame) + self.node_gate(neurons) * frame.x
        return nodes, changes
