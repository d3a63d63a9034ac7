"""What every round of messages needs: features of nodes and edges as vectors, and how many edges a node has."""

import torch
from torch import Tensor, nn

from weightspace.graphs import EDGE_FEATURES, POSITIONS, SITE_FEATURES, Layout
from weightspace.metanets.frames.frame import Edges, Frame


class NodeEmbedding(nn.Module):
    """The vectors on a node, its place if it can't be permuted, and what is known of its site, as one vector.

    Shapes:
        scaled vectors ``[..., columns]`` in, ``[..., width]`` out; the frame says how the nodes lie.
    """

    def __init__(self, columns: int, width: int):
        super().__init__()
        self.vectors = nn.Linear(columns, width)
        self.position = nn.Linear(POSITIONS, width, bias=False)
        self.site = nn.Linear(len(SITE_FEATURES), width, bias=False)

    def forward(self, frame: Frame, x: Tensor) -> Tensor:
        """The embedding of the scaled vectors ``x`` of the nodes of a frame."""
        sites = [self.site(topo.site_features.to(x)) for topo in frame.topologies]
        places = [self.position(topo.positions.to(x)) for topo in frame.topologies]
        return self.vectors(x) + frame.at_nodes(sites) + frame.per_node(places)


class EdgeEmbedding(nn.Module):
    """The features of an edge, and what is known of its operator, as a vector: ``W e + U (operator features)``.

    One column of ``W`` belongs to one column of the layout, so that dense blocks, which hold only the columns that a
    tensor fills, and padded edge lists give the same.

    Shapes:
        scaled features of a group of edges ``[..., columns]`` in, ``[..., width]`` out.
    """

    def __init__(self, layout: Layout, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(layout.edge, width) * layout.edge**-0.5)
        self.operator = nn.Linear(len(EDGE_FEATURES), width)

    def forward(self, frame: Frame, edges: Edges, values: Tensor) -> Tensor:
        """The embedding of a group of edges with the scaled features ``values``."""
        operators = [self.operator(topo.edge_features.to(values)) for topo in frame.topologies]
        weight = self.weight if len(edges.columns) == len(self.weight) else self.weight[list(edges.columns)]
        return (values @ weight if len(edges.columns) > 1 else values * weight) + frame.at_edges(operators, edges)


def node_degrees(frame: Frame) -> tuple[Tensor, Tensor]:
    """How many edges arrive at and leave each node, one at least, to broadcast against node features."""
    arriving, leaving = [], []
    for topo in frame.topologies:
        ones = torch.ones(topo.edges, dtype=frame.x.dtype)
        for found, ends in ((leaving, topo.edge_index[0]), (arriving, topo.edge_index[1])):
            count = torch.zeros(topo.nodes, dtype=frame.x.dtype).index_add(0, ends, ones)
            found.append(count.clamp(min=1)[:, None].to(frame.x.device))
    return frame.per_node(arriving), frame.per_node(leaving)
