"""Neural graphs with a relational transformer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.graphnet import CompressingGraphNet, GraphNetConfig
from weightspace.metanets.layers.attention import RelationalAttention
from weightspace.metanets.layers.message import EdgeEmbedding, NodeEmbedding
from weightspace.metanets.neuralgraph import EdgeUpdate


@dataclass(frozen=True)
class NeuralGraphTransformerConfig(GraphNetConfig):
    """Configuration of `NeuralGraphTransformer`: that of `GraphNet`, and the number of attention ``num_heads``."""

    num_heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.num_heads:
            raise ValueError(f"width must be a multiple of num_heads, got {self.width} and {self.num_heads}.")


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


class NeuralGraphTransformer(CompressingGraphNet):
    """Neural graphs with a relational transformer (NG-T), for any architecture; attention runs along the edges.

    Equivariant to permutations of neurons. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.2.
    """

    Config = NeuralGraphTransformerConfig

    def __init__(self, config: NeuralGraphTransformerConfig):
        super().__init__(config)
        self.embed, self.edges = NodeEmbedding(self.layout.node, config.width), EdgeEmbedding(self.layout, config.width)
        last = config.layers - 1
        self.rounds = nn.ModuleList(
            NeuralGraphBlock(config.width, config.num_heads, number < last) for number in range(config.layers)
        )
        self.add_head(config)

    def pass_messages(self, frame: Frame, nodes: Tensor, edges: list[Tensor]) -> Tensor:
        h = self.embed(frame, nodes)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, edges, strict=True)]
        for layer in self.rounds:
            h, edges = layer(frame, h, edges)
        return h
