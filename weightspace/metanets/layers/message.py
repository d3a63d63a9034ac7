"""What every round of messages needs: features of edges as vectors, and how many edges a node has."""

import torch
from torch import Tensor, nn

from weightspace.graphs import EDGE_FEATURES, Layout
from weightspace.metanets.frames.frame import Edges, Frame


class EdgeEmbedding(nn.Module):
    """The features of an edge, and what is known of its operator, as a vector: ``W e + U (operator features)``.

    One column of ``W`` belongs to one column of the layout, so that dense blocks, which hold only the columns that a
    tensor fills, and padded edge lists give the same.
    """

    def __init__(self, layout: Layout, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(layout.edge, width) * layout.edge**-0.5)
        self.operator = nn.Linear(len(EDGE_FEATURES), width)

    def forward(self, frame: Frame, edges: Edges, values: Tensor) -> Tensor:
        """The embedding of a group of edges with the scaled features ``values``."""
        weight, offset = self.parts(frame, edges, values)
        return (values @ weight if len(edges.columns) > 1 else values * weight) + offset

    def parts(self, frame: Frame, edges: Edges, values: Tensor) -> tuple[Tensor, Tensor]:
        """``W`` ``[columns, width]`` for a group of edges, and what is added, to broadcast."""
        operators = [self.operator(topo.edge_features.to(values)) for topo in frame.topologies]
        weight = self.weight if len(edges.columns) == len(self.weight) else self.weight[list(edges.columns)]
        return weight, frame.at_edges(operators, edges)


def node_degrees(frame: Frame) -> tuple[Tensor, Tensor]:
    """How many edges arrive at and leave each node, one at least, to broadcast against node features."""
    arriving, leaving = [], []
    for topo in frame.topologies:
        ones = torch.ones(topo.edges, dtype=frame.x.dtype)
        for found, ends in ((leaving, topo.edge_index[0]), (arriving, topo.edge_index[1])):
            count = torch.zeros(topo.nodes, dtype=frame.x.dtype).index_add(0, ends, ones)
            found.append(count.clamp(min=1)[:, None].to(frame.x.device))
    return frame.per_node(arriving), frame.per_node(leaving)
