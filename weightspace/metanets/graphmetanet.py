"""Graph metanetworks: perceptrons on edges, nodes and the whole graph, in turn."""

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.graphnet import CompressingGraphNet, GraphNetConfig
from weightspace.metanets.layers.message import EdgeEmbedding, NodeEmbedding, node_degrees


class GraphMetanetLayer(nn.Module):
    r"""One round of a message-passing net with features on edges, nodes and graph.

    $e_{ij} \leftarrow e_{ij} + W\sigma(A e_{ij} + B h_j + C h_i + D u)$,
    $h_i \leftarrow h_i + \mathrm{MLP}(h_i, \overline{e_{ij}}, \overline{e_{ki}}, u)$,
    $u \leftarrow u + \mathrm{MLP}(u, \overline h)$, with means over edges and nodes. The perceptron on an edge is
    factored: nodes are projected before they are gathered. Lim et al. 2024, "Graph metanetworks for processing diverse
    neural architectures", equations 4 to 6.
    """

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 2 * width)
        self.edge_in, self.edge_out = nn.Linear(width, width), nn.Linear(width, width)
        self.whole = nn.Linear(width, width, bias=False)
        self.node = nn.Sequential(nn.Linear(4 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
        self.graph = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(
        self, frame: Frame, h: Tensor, edges: list[Tensor], u: Tensor, degrees: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """New features of nodes, edges and graph."""
        normed = self.norm(h)
        source, target = self.project(normed).chunk(2, -1)
        target = target + frame.to_nodes(self.whole(u))
        updated = []
        for group, edge in zip(frame.edges, edges, strict=True):
            joined = (self.edge_in(edge) + frame.sources(source, group)).add_(frame.targets(target, group))
            updated.append(edge + self.edge_out(joined.relu_()))
        arriving, leaving = degrees
        parts = [normed, frame.to_targets(updated) / arriving, frame.to_sources(updated) / leaving, frame.to_nodes(u)]
        h = h + self.node(torch.cat(_broadcast(parts), -1))
        u = u + self.graph(torch.cat([u, frame.mean_sites(frame.pool(h))], -1))
        return h, updated, u


class GraphMetanet(CompressingGraphNet):
    """A graph metanetwork (GMN) for any architecture, with features on nodes, edges and the graph.

    Equivariant to permutations of neurons. Lim et al. 2024, "Graph metanetworks for processing diverse neural
    architectures". Differs from the paper: a kernel is one edge with several features, not parallel edges.
    """

    def __init__(self, config: GraphNetConfig):
        super().__init__(config)
        self.embed = NodeEmbedding(self.layout.node, config.width)
        self.edges = EdgeEmbedding(self.layout, config.width)
        self.start = nn.Parameter(torch.zeros(config.width))
        self.rounds = nn.ModuleList(GraphMetanetLayer(config.width) for _ in range(config.layers))
        self.mix = nn.Linear(2 * config.width, config.width)
        self.add_head(config)

    def pass_messages(self, frame: Frame, nodes: Tensor, edges: list[Tensor]) -> Tensor:
        h, degrees = self.embed(frame, nodes), node_degrees(frame)
        edges = [self.edges(frame, group, value) for group, value in zip(frame.edges, edges, strict=True)]
        u = self.start.expand(frame.nets, -1)
        for layer in self.rounds:
            h, edges, u = layer(frame, h, edges, u, degrees)
        return self.mix(torch.cat(_broadcast([h, frame.to_nodes(u)]), -1))


def _broadcast(parts: list[Tensor]) -> list[Tensor]:
    shape = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return [part.expand(*shape, part.shape[-1]) for part in parts]
