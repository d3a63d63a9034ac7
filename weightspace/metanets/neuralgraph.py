"""Neural graphs: a graph net with principal neighbourhood aggregation, and a relational transformer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.metanets.frame import Frame
from weightspace.metanets.graphnet import GraphNet, GraphNetConfig, NodeEmbedding
from weightspace.metanets.message import EdgeEmbedding, node_degrees


class NeuralGraphLayer(nn.Module):
    r"""Messages modulated by the edge, gathered by mean, maximum, minimum and standard deviation; edges are updated.

    $m_{ij} = (1 + S e_{ij}) \odot \sigma(A h_j + B h_i) + T e_{ij}$, both directions;
    $h_i \leftarrow h_i + \mathrm{MLP}(h_i, \mathrm{PNA}_j\, m_{ij}, \mathrm{PNA}_k\, m_{ki})$,
    $e_{ij} \leftarrow e_{ij} + W\sigma(C e_{ij} + D h_j + E h_i)$. Kofinas et al. 2024, "Graph neural networks for
    learning equivariant representations of neural networks", section 4.1 and equation 12.
    """

    def __init__(self, width: int, update_edges: bool):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project, self.modulate = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)
        self.node = nn.Sequential(nn.Linear(9 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.update_edges = update_edges
        if update_edges:
            self.edge_nodes, self.edge_in = nn.Linear(width, 2 * width), nn.Linear(width, width)
            self.edge_out = nn.Linear(width, width)

    def forward(
        self, frame: Frame, h: Tensor, edges: list[Tensor], degrees: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """New features of nodes and edges."""
        normed = self.norm(h)
        source, target = self.project(normed).chunk(2, -1)
        messages = []
        for group, edge in zip(frame.edges, edges, strict=True):
            scale, shift = self.modulate(edge).chunk(2, -1)
            joined = torch.relu(frame.sources(source, group) + frame.targets(target, group))
            messages.append((1 + scale) * joined + shift)
        gathered = [*_pna(frame.to_targets, messages, degrees[0]), *_pna(frame.to_sources, messages, degrees[1])]
        h = h + self.node(torch.cat([normed, *gathered], -1))
        if self.update_edges:
            source, target = self.edge_nodes(h).chunk(2, -1)
            edges = [
                edge
                + self.edge_out(
                    torch.relu(self.edge_in(edge) + frame.sources(source, group) + frame.targets(target, group))
                )
                for group, edge in zip(frame.edges, edges, strict=True)
            ]
        return h, edges


class NeuralGraphGNN(GraphNet):
    """Neural graphs with a graph net (NG-GNN): principal neighbourhood aggregation, features on edges are updated.

    Equivariant to permutations of neurons. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.1.
    """

    def build(self, config: GraphNetConfig) -> None:
        self.embed, self.edges = NodeEmbedding(self.layout.node, config.width), EdgeEmbedding(self.layout, config.width)
        last = config.layers - 1
        self.rounds = nn.ModuleList(NeuralGraphLayer(config.width, number < last) for number in range(config.layers))

    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        h, degrees = self.embed(frame, x), node_degrees(frame)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, values, strict=True)]
        for layer in self.rounds:
            h, edges = layer(frame, h, edges, degrees)
        return h


@dataclass(frozen=True)
class NeuralGraphTransformerConfig(GraphNetConfig):
    """Configuration of `NeuralGraphTransformer`: that of `GraphNet`, and the number of attention ``num_heads``."""

    num_heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.num_heads:
            raise ValueError(f"width must be a multiple of num_heads, got {self.width} and {self.num_heads}.")


class RelationalAttention(nn.Module):
    r"""Attention of every neuron to those that it is joined to, queries, keys and values modulated by the edge.

    $a_{ij} \propto \exp\big(q_i \cdot (k_j + K e_{ij}) / \sqrt d\big)$,
    $o_i = \sum_j a_{ij} \big((1 + S e_{ij}) \odot v_j + T e_{ij}\big)$, over the edges that arrive and, with other
    parameters, over those that leave. Kofinas et al. 2024, section 4.2; after Diao and Loynd 2023, "Relational
    attention".
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.width = heads, width
        self.norm = nn.LayerNorm(width)
        self.nodes, self.edges = nn.Linear(width, 6 * width), nn.Linear(width, 6 * width)
        self.out = nn.Linear(2 * width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )

    def forward(self, frame: Frame, h: Tensor, edges: list[Tensor]) -> Tensor:
        """New features of the nodes."""
        nodes = self.nodes(self.norm(h)).split(self.width, -1)
        moved = [self.edges(edge).split(self.width, -1) for edge in edges]
        forward = self._attend(frame, nodes[:3], [m[:3] for m in moved], True)
        backward = self._attend(frame, nodes[3:], [m[3:] for m in moved], False)
        h = h + self.out(torch.cat([forward, backward], -1))
        return h + self.mlp(h)

    def _attend(self, frame: Frame, nodes: tuple, edges: list[tuple], forward: bool) -> Tensor:
        here, there = (frame.targets, frame.sources) if forward else (frame.sources, frame.targets)
        gather = frame.to_targets if forward else frame.to_sources
        query, key, value = nodes
        scores = []
        for group, (bias, _, _) in zip(frame.edges, edges, strict=True):
            product = here(query, group) * (there(key, group) + bias)
            scores.append(product.unflatten(-1, (self.heads, -1)).sum(-1) * (self.width / self.heads) ** -0.5)
        highest = gather([score.detach() for score in scores], "max")
        chances = [torch.exp(score - here(highest, group)) for group, score in zip(frame.edges, scores, strict=True)]
        total = gather(chances).clamp(min=1e-12)
        taken = []
        for group, chance, (_, scale, shift) in zip(frame.edges, chances, edges, strict=True):
            heads = ((1 + scale) * there(value, group) + shift).unflatten(-1, (self.heads, -1))
            taken.append((heads * chance[..., None]).flatten(-2))
        return (gather(taken).unflatten(-1, (self.heads, -1)) / total[..., None]).flatten(-2)


class NeuralGraphTransformer(GraphNet):
    """Neural graphs with a relational transformer (NG-T), for any architecture; attention runs along the edges.

    Equivariant to permutations of neurons. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.2.
    """

    Config = NeuralGraphTransformerConfig

    def build(self, config: NeuralGraphTransformerConfig) -> None:
        self.embed, self.edges = NodeEmbedding(self.layout.node, config.width), EdgeEmbedding(self.layout, config.width)
        self.rounds = nn.ModuleList(RelationalAttention(config.width, config.num_heads) for _ in range(config.layers))

    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        h = self.embed(frame, x)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, values, strict=True)]
        for layer in self.rounds:
            h = layer(frame, h, edges)
        return h


def _pna(gather: object, messages: list[Tensor], degree: Tensor) -> list[Tensor]:
    mean = gather(messages) / degree
    square = gather([message.square() for message in messages]) / degree
    std = (square - mean.square()).clamp(min=0).add(1e-8).sqrt()
    return [mean, gather(messages, "max"), -gather([-message for message in messages], "max"), std]
