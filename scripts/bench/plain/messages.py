"""Message passing on lists of edges: the textbook layer, graph metanetworks, neural graphs."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import GINEConv, MessagePassing, global_mean_pool
from torch_geometric.utils import scatter, softmax

from plain.graphs import batched, perceptron


class Textbook(MessagePassing):
    """Concatenate, perceptron on every edge, mean; concatenate, perceptron on every node."""

    def __init__(self, width: int):
        super().__init__(aggr="mean")
        self.edge, self.node = perceptron(3 * width, width, width), perceptron(2 * width, width, width)

    def forward(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """New features of the nodes."""
        return h + self.node(torch.cat([h, self.propagate(edge_index, h=h, edge_attr=edge_attr)], 1))

    def message(self, h_i: Tensor, h_j: Tensor, edge_attr: Tensor) -> Tensor:
        """A perceptron on both ends and the edge."""
        return self.edge(torch.cat([h_i, h_j, edge_attr], 1))


class OnGraphs(nn.Module):
    """Nodes and edges embedded, edges both ways, rounds, a mean over the nodes."""

    def __init__(self, sizes: tuple[int, ...], width: int, rounds: list[nn.Module]):
        super().__init__()
        self.sizes = sizes
        self.node, self.edge, self.back = nn.Linear(2, width), nn.Linear(1, width), nn.Linear(1, width)
        self.rounds, self.out = nn.ModuleList(rounds), perceptron(width, width, 1)

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        batch = batched(nets, self.sizes)
        h, edges = self.node(batch.x), torch.cat([self.edge(batch.edge_attr), self.back(batch.edge_attr)])
        index = torch.cat([batch.edge_index, batch.edge_index.flip(0)], 1)
        for layer in self.rounds:
            h, edges = layer(h, index, edges, batch.batch)
        return self.out(global_mean_pool(h, batch.batch))


class GNNLayer(MessagePassing):
    """Kofinas et al. 2024, section 4.1: messages modulated by edges, four aggregators, edges updated."""

    def __init__(self, width: int, last: bool):
        super().__init__(aggr=["mean", "max", "min", "std"], aggr_kwargs={"mode": "cat"})
        self.norm, self.joined = nn.LayerNorm(width), nn.Linear(2 * width, width)
        self.scale, self.shift = nn.Linear(width, width), nn.Linear(width, width)
        self.update_node = perceptron(5 * width, 2 * width, width)
        self.update_edge = None if last else perceptron(3 * width, width, width)

    def forward(self, h: Tensor, index: Tensor, edges: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """New features of nodes and edges."""
        normed = self.norm(h)
        h = h + self.update_node(torch.cat([normed, self.propagate(index, h=normed, edges=edges)], 1))
        if self.update_edge is not None:
            edges = edges + self.update_edge(torch.cat([h[index[0]], edges, h[index[1]]], 1))
        return h, edges

    def message(self, h_i: Tensor, h_j: Tensor, edges: Tensor) -> Tensor:
        """Both ends, modulated by the edge."""
        return self.scale(edges) * torch.relu(self.joined(torch.cat([h_i, h_j], 1))) + self.shift(edges)


class AttentionLayer(nn.Module):
    """Kofinas et al. 2024, section 4.2: queries, keys and values of nodes and edges, attention along the edges."""

    def __init__(self, width: int, heads: int, last: bool):
        super().__init__()
        self.heads, self.width, self.norm = heads, width, nn.LayerNorm(width)
        self.nodes, self.edges = nn.Linear(width, 3 * width), nn.Linear(width, 4 * width)
        self.out, self.mlp = nn.Linear(width, width), nn.Sequential(
            nn.LayerNorm(width), perceptron(width, 2 * width, width)
        )  # fmt: skip
        self.update_edge = None if last else perceptron(3 * width, width, width)

    def forward(self, h: Tensor, index: Tensor, edges: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """New features of nodes and edges."""
        query, key, value = self.nodes(self.norm(h)).chunk(3, 1)
        edge_query, edge_key, scale, shift = self.edges(edges).chunk(4, 1)
        source, target = index
        query, key = query[target] + edge_query, key[source] + edge_key
        scores = (query * key).unflatten(1, (self.heads, -1)).sum(-1) * (self.width / self.heads) ** -0.5
        chances = softmax(scores, target, num_nodes=len(h))
        values = (scale * value[source] + shift).unflatten(1, (self.heads, -1)) * chances[..., None]
        h = h + self.out(scatter(values.flatten(1), target, dim=0, dim_size=len(h)))
        h = h + self.mlp(h)
        if self.update_edge is not None:
            edges = edges + self.update_edge(torch.cat([h[source], edges, h[target]], 1))
        return h, edges


class GMNLayer(nn.Module):
    """Lim et al. 2024, equations 4 to 6: perceptrons on edges, nodes and the graph."""

    def __init__(self, width: int):
        super().__init__()
        self.edge, self.node = perceptron(4 * width, width, width), perceptron(3 * width, width, width)
        self.whole = perceptron(3 * width, width, width)

    def forward(self, h: Tensor, index: Tensor, edges: Tensor, u: Tensor, batch: Tensor) -> tuple:
        """New features of nodes, edges and graph."""
        source, target = index
        edges = edges + self.edge(torch.cat([h[source], h[target], edges, u[batch[source]]], 1))
        arriving = scatter(edges, target, dim=0, dim_size=len(h), reduce="mean")
        h = h + self.node(torch.cat([h, arriving, u[batch]], 1))
        pooled = scatter(edges, batch[source], dim=0, dim_size=len(u), reduce="mean")
        return h, edges, u + self.whole(torch.cat([u, global_mean_pool(h, batch), pooled], 1))


class PlainGNN(OnGraphs):
    """Neural graphs with a graph net."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int):
        super().__init__(sizes, width, [GNNLayer(width, number == layers - 1) for number in range(layers)])


class PlainTransformer(OnGraphs):
    """Neural graphs with a relational transformer."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, heads: int):
        super().__init__(sizes, width, [AttentionLayer(width, heads, number == layers - 1) for number in range(layers)])


class PlainGMN(OnGraphs):
    """Graph metanetwork."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int):
        super().__init__(sizes, width, [GMNLayer(width) for _ in range(layers)])
        self.start = nn.Parameter(torch.zeros(width))

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        batch = batched(nets, self.sizes)
        h, edges = self.node(batch.x), torch.cat([self.edge(batch.edge_attr), self.back(batch.edge_attr)])
        index, u = torch.cat([batch.edge_index, batch.edge_index.flip(0)], 1), self.start.expand(len(nets), -1)
        for layer in self.rounds:
            h, edges, u = layer(h, index, edges, u, batch.batch)
        return self.out(u + global_mean_pool(h, batch.batch))


class PyGLayer(nn.Module):
    """A GINE convolution."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.conv = nn.LayerNorm(width), GINEConv(perceptron(width, width, width), edge_dim=width)

    def forward(self, h: Tensor, index: Tensor, edges: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
        """New features of nodes; edges stay."""
        return h + self.conv(self.norm(h), index, edges).relu(), edges


class PlainPyG(OnGraphs):
    """Rounds of a convolution of PyTorch Geometric."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int):
        super().__init__(sizes, width, [PyGLayer(width) for _ in range(layers)])
