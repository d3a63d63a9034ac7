"""Neural graphs with a graph net: principal neighbourhood aggregation of messages that edges modulate."""

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.graphnet import CompressingGraphNet, GraphNetConfig
from weightspace.metanets.layers.message import EdgeEmbedding, NodeEmbedding, node_degrees
from weightspace.metanets.layers.moments import moments


class NeuralGraphLayer(nn.Module):
    r"""Messages modulated by the edge, gathered by mean, maximum, minimum and standard deviation; edges are updated.

    $m_{ij} = (S e_{ij}) \odot \sigma(A h_j + B h_i) + T e_{ij}$, both directions;
    $h_i \leftarrow h_i + \mathrm{MLP}(h_i, \mathrm{PNA}_j\, m_{ij}, \mathrm{PNA}_k\, m_{ki})$,
    $e_{ij} \leftarrow e_{ij} + W\sigma(C e_{ij} + D h_j + E h_i)$. Kofinas et al. 2024, "Graph neural networks for
    learning equivariant representations of neural networks", section 4.1 and equation 12.
    """

    def __init__(self, width: int, update_edges: bool):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 2 * width)
        self.scale, self.shift = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.ones_(self.scale.bias)  # at first edges modulate little
        self.node = nn.Sequential(nn.Linear(9 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.update = EdgeUpdate(width) if update_edges else None

    def forward(
        self, frame: Frame, h: Tensor, edges: list[Tensor], degrees: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """New features of nodes and edges."""
        normed = self.norm(h)
        source, target = self.project(normed).chunk(2, -1)
        messages = []
        for group, edge in zip(frame.edges, edges, strict=True):
            joined = torch.relu_(frame.sources(source, group) + frame.targets(target, group))
            messages.append((self.scale(edge) * joined).add_(self.shift(edge)))
        gathered = [_pna(*found) for found in zip(moments(frame, messages), degrees, strict=True)]
        h = h + self.node(torch.cat([normed, *gathered[0], *gathered[1]], -1))
        return h, edges if self.update is None else self.update(frame, h, edges)


class EdgeUpdate(nn.Module):
    r"""A residual perceptron on every edge and its ends; nodes are projected before they are gathered.

    $e_{ij} \leftarrow e_{ij} + W\sigma(C e_{ij} + D h_j + E h_i)$.
    """

    def __init__(self, width: int):
        super().__init__()
        self.nodes = nn.Linear(width, 2 * width)
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, frame: Frame, h: Tensor, edges: list[Tensor]) -> list[Tensor]:
        """New features of the edges."""
        source, target = self.nodes(h).chunk(2, -1)
        updated = []
        for group, edge in zip(frame.edges, edges, strict=True):
            joined = (self.inner(edge) + frame.sources(source, group)).add_(frame.targets(target, group))
            updated.append(edge + self.outer(joined.relu_()))
        return updated


class NeuralGraphGNN(CompressingGraphNet):
    """Neural graphs with a graph net (NG-GNN): principal neighbourhood aggregation, features on edges are updated.

    Equivariant to permutations of neurons. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.1.
    """

    def __init__(self, config: GraphNetConfig):
        super().__init__(config)
        self.embed, self.edges = NodeEmbedding(self.layout.node, config.width), EdgeEmbedding(self.layout, config.width)
        last = config.layers - 1
        self.rounds = nn.ModuleList(NeuralGraphLayer(config.width, number < last) for number in range(config.layers))
        self.add_head(config)

    def pass_messages(self, frame: Frame, nodes: Tensor, edges: list[Tensor]) -> Tensor:
        h, degrees = self.embed(frame, nodes), node_degrees(frame)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, edges, strict=True)]
        for layer in self.rounds:
            h, edges = layer(frame, h, edges, degrees)
        return h


def _pna(moments: list[Tensor], degree: Tensor) -> list[Tensor]:
    total, squares, high, low = moments
    mean = total / degree
    return [mean, high, low, (squares / degree - mean.square()).clamp(min=0).add(1e-8).sqrt()]
