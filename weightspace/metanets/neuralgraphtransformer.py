"""Neural graphs with a relational transformer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.graphnet import GraphNet, GraphNetConfig, NodeEmbedding
from weightspace.metanets.layers.message import EdgeEmbedding
from weightspace.metanets.neuralgraph import EdgeUpdate


@dataclass(frozen=True)
class NeuralGraphTransformerConfig(GraphNetConfig):
    """Configuration of `NeuralGraphTransformer`: that of `GraphNet`, and the number of attention ``num_heads``."""

    num_heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.num_heads:
            raise ValueError(f"width must be a multiple of num_heads, got {self.width} and {self.num_heads}.")


class RelationalAttention(nn.Module):
    r"""Attention of every neuron to those that it is joined to, keys and values modulated by the edge, one way.

    $a_{ij} \propto \exp\big(q_i \cdot (k_j + K e_{ij}) / \sqrt d\big)$,
    $o_i = \sum_j a_{ij} \big((S e_{ij}) \odot v_j + T e_{ij}\big)$. What is linear in the edge is moved to the nodes:
    $q_i \cdot K e_{ij} = (K^\top q_i) \cdot e_{ij}$ and $\sum_j a_{ij} T e_{ij} = T \sum_j a_{ij} e_{ij}$, so one
    matrix, S, is applied to edges. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.2; after Diao and Loynd 2023, "Relational attention".

    Args:
        width: features of nodes and edges. heads: parts that attend by themselves.
        forward: whether messages go to the targets of the edges, or back to their sources.
    """

    def __init__(self, width: int, heads: int, forward: bool):
        super().__init__()
        self.heads, self.width, self.way = heads, width, forward
        self.nodes, self.scale = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.ones_(self.scale.bias)  # at first edges modulate little
        self.key = nn.Parameter(torch.randn(heads, width // heads, width) * width**-0.5)
        self.shift = nn.Parameter(torch.randn(heads, width // heads, width) * width**-0.5)

    def forward(self, frame: Frame, normed: Tensor, edges: list[Tensor]) -> Tensor:
        """What every node gathers, from its normed features and those of the edges."""
        query, key, value = self.nodes(normed).split(self.width, -1)
        query, key = (part.unflatten(-1, (self.heads, -1)) for part in (query, key))
        query = query * (self.width / self.heads) ** -0.5
        chances = self._chances(frame, query, key, edges)
        gather = frame.to_targets if self.way else frame.to_sources
        taken, blended = [], []
        for group, edge, chance in zip(frame.edges, edges, chances, strict=True):
            there = frame.sources(value, group) if self.way else frame.targets(value, group)
            heads = (self.scale(edge) * there).unflatten(-1, (self.heads, -1))
            taken.append((heads * chance[..., None]).flatten(-2))
            blended.append(frame.blend(group, chance, edge, self.way))
        shift = torch.einsum("...hc,hdc->...hd", gather(blended).unflatten(-1, (self.heads, -1)), self.shift)
        return gather(taken) + shift.flatten(-2)

    def _chances(self, frame: Frame, query: Tensor, key: Tensor, edges: list[Tensor]) -> list[Tensor]:
        """Attention ``[..., heads]`` of each edge; over all edges of a receiver it adds up to one."""
        projected = torch.einsum("...hd,hdc->...hc", query, self.key)
        one, other = (query, key) if self.way else (key, query)
        here, gather = (frame.targets, frame.to_targets) if self.way else (frame.sources, frame.to_sources)
        scores = [
            frame.scores(group, one, other) + frame.edge_scores(group, edge, projected, self.way)
            for group, edge in zip(frame.edges, edges, strict=True)
        ]
        highest = gather([score.detach() for score in scores], "max")
        found = [torch.exp(score - here(highest, group)) for group, score in zip(frame.edges, scores, strict=True)]
        total = gather(found).clamp(min=1e-12)
        return [chance / here(total, group) for group, chance in zip(frame.edges, found, strict=True)]


class NeuralGraphBlock(nn.Module):
    """Attention along the edges and back, a perceptron on the nodes, one on the edges; all residual."""

    def __init__(self, width: int, heads: int, update_edges: bool):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.along, self.back = (RelationalAttention(width, heads, forward) for forward in (True, False))
        self.out = nn.Linear(2 * width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.update = EdgeUpdate(width) if update_edges else None

    def forward(self, frame: Frame, h: Tensor, edges: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """New features of nodes and edges."""
        normed = self.norm(h)
        h = h + self.out(torch.cat([self.along(frame, normed, edges), self.back(frame, normed, edges)], -1))
        h = h + self.mlp(h)
        return h, edges if self.update is None else self.update(frame, h, edges)


class NeuralGraphTransformer(GraphNet):
    """Neural graphs with a relational transformer (NG-T), for any architecture; attention runs along the edges.

    Equivariant to permutations of neurons. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.2.
    """

    Config = NeuralGraphTransformerConfig

    def build(self, config: NeuralGraphTransformerConfig) -> None:
        self.embed, self.edges = NodeEmbedding(self.layout.node, config.width), EdgeEmbedding(self.layout, config.width)
        last = config.layers - 1
        self.rounds = nn.ModuleList(
            NeuralGraphBlock(config.width, config.num_heads, number < last) for number in range(config.layers)
        )

    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        h = self.embed(frame, x)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, values, strict=True)]
        for layer in self.rounds:
            h, edges = layer(frame, h, edges)
        return h
