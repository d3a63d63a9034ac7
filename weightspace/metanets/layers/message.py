"""One round of messages along the weights, both ways."""

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


class MessageLayer(nn.Module):
    r"""Messages to both ends of every edge, averaged, then a residual perceptron on every node.

    $m_{ij} = \sigma(W_s h_j + W_t h_i + E_{ij})$ is computed once for both directions, and so is the product
    $E_{ij} \odot h_j$, which lets a layer imitate the forward pass of the net itself:

    $h_i \leftarrow h_i + \mathrm{MLP}\big(h_i,\ \tfrac1{|j|}\sum_j m_{ij},\ \tfrac1{|j|}\sum_j E_{ij} \odot V_s h_j,\
    \tfrac1{|k|}\sum_k m_{ki},\ \tfrac1{|k|}\sum_k E_{ki} \odot V_t h_k\big)$

    Nodes are projected before they are gathered and sums are transformed after they are taken; what is linear in the
    edge is summed before it is multiplied out (`Frame.carry`). So the work on edges is additions alone. Means, not
    sums, carry over to other widths. Equivariant to permutations of neurons.

    Args:
        layout: the columns of the edges. width: features of a node.
    """

    def __init__(self, layout: Layout, width: int):
        super().__init__()
        self.width = width
        self.norm = nn.LayerNorm(width)
        self.edge = EdgeEmbedding(layout, width)
        self.project = nn.Linear(width, 4 * width)
        self.update = nn.Sequential(nn.Linear(5 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, frame: Frame, h: Tensor, values: list[Tensor], degrees: tuple[Tensor, Tensor]) -> Tensor:
        """New node features.

        Args:
            frame: the batch. h: features of the nodes. values: scaled features of each group of edges.
            degrees: how many edges arrive at and leave each node.
        """
        normed = self.norm(h)
        source, target, forth, back = self.project(normed).split(self.width, -1)
        messages, forward, backward = [], [], []
        for edges, value in zip(frame.edges, values, strict=True):
            weight, offset = self.edge.parts(frame, edges, value)
            embedded = value @ weight if len(weight) > 1 else value * weight
            joined = embedded.add_(frame.sources(source, edges) + offset)  # fresh memory costs more than the sum
            messages.append(joined.add_(frame.targets(target, edges)).relu_())
            forward.append(frame.carry(edges, value, weight, offset, frame.sources(forth, edges)))
            backward.append(frame.carry(edges, value, weight, offset, frame.targets(back, edges)))
        arriving, leaving = degrees
        parts = [normed, frame.to_targets(messages) / arriving, frame.to_targets(forward) / arriving]
        parts += [frame.to_sources(messages) / leaving, frame.to_sources(backward) / leaving]
        return h + self.update(torch.cat(parts, -1))


def node_degrees(frame: Frame) -> tuple[Tensor, Tensor]:
    """How many edges arrive at and leave each node, one at least, to broadcast against node features."""
    arriving, leaving = [], []
    for topo in frame.topologies:
        ones = torch.ones(topo.edges, dtype=frame.x.dtype)
        for found, ends in ((leaving, topo.edge_index[0]), (arriving, topo.edge_index[1])):
            count = torch.zeros(topo.nodes, dtype=frame.x.dtype).index_add(0, ends, ones)
            found.append(count.clamp(min=1)[:, None].to(frame.x.device))
    return frame.per_node(arriving), frame.per_node(leaving)
