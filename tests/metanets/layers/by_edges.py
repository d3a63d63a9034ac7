"""Batches whose layers can be checked edge by edge: random features for every node and edge, in both kinds of frame."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import Layout, to_graph
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.make import make_frame

KINDS = [(space, dense) for space in ("mlp", "lenet", "concat", "residual") for dense in (True, False)]
"""Spaces with full blocks, kernels, sums and links, on dense blocks and on edge lists."""


@dataclass
class ByEdges:
    """Two nets of a space.

    Attributes:
        frame: dense or sparse. index: ``[2, edges]``. h: ``[nodes, width]`` and e: ``[edges, width]``, of both nets.
    """

    frame: Frame
    index: Tensor
    h: Tensor
    e: Tensor

    @classmethod
    def of(cls, space: str, dense: bool, width: int) -> "ByEdges":
        """Random features for two nets, in float64."""
        own, layout = SPACES[space], Layout.of(SPACES[space])
        graph = to_graph(own, random_weights(own, nets=2, dtype=torch.float64), layout)
        generator = torch.Generator().manual_seed(0)
        h, e = (
            torch.randn(count, width, generator=generator, dtype=torch.float64)
            for count in (len(graph.x), len(graph.edge_attr))
        )
        return cls(make_frame(graph, layout, None if dense else False), graph.edge_index, h, e)

    @property
    def nodes(self) -> Tensor:
        """The features of the nodes as the frame has them."""
        return self.h.unflatten(0, (2, -1)) if isinstance(self.frame, DenseFrame) else self.h

    @property
    def edges(self) -> list[Tensor]:
        """The features of the edges, group by group, as the frame has them."""
        if not isinstance(self.frame, DenseFrame):
            return [self.e]
        shapes = [group.values.shape[1:3] for group in self.frame.edges]
        parts = self.e.unflatten(0, (2, -1)).split([rows * columns for rows, columns in shapes], 1)
        return [part.unflatten(1, shape) for part, shape in zip(parts, shapes, strict=True)]

    def at(self, node: int, end: int) -> list[tuple[int, int]]:
        """The edges that have a node at their end, 1 for those that arrive, and the nodes at their other ends."""
        numbers = torch.nonzero(self.index[end] == node).flatten().tolist()
        return [(number, int(self.index[1 - end, number])) for number in numbers]
