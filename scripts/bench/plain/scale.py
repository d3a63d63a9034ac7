"""Scale equivariant messages edge by edge, and the default metanet put together from plain parts."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import global_mean_pool
from torch_geometric.utils import scatter

from plain.graphs import batched, perceptron
from plain.vectors import PlainProbes, PlainStatistics


class ScaleEquivariant(nn.Module):
    """Linear maps of the inputs, each times a perceptron of what doesn't change when they are scaled.

    Kalogeropoulos et al. 2024, equation 10.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(inputs))
        self.invariant = perceptron(inputs * width, width, inputs * width)

    def forward(self, *parts: Tensor) -> Tensor:
        """The sum over the inputs."""
        canonical = [(part / part.norm(dim=-1, keepdim=True).clamp(min=1e-6)).abs() for part in parts]
        gates = self.invariant(torch.cat(canonical, -1)).chunk(len(parts), -1)
        return sum(linear(part) * gate for linear, part, gate in zip(self.linear, parts, gates, strict=True))


class ScaleRound(nn.Module):
    """Messages and updates of Kalogeropoulos et al. 2024, equations 12 to 15, along the edges given."""

    def __init__(self, width: int):
        super().__init__()
        self.edge = nn.Linear(width, width, bias=False)
        self.source = nn.Linear(width, width, bias=False)
        self.message, self.update = ScaleEquivariant(2, width), ScaleEquivariant(2, width)

    def forward(self, h: Tensor, index: Tensor, edges: Tensor) -> Tensor:
        """New features of the nodes."""
        source, target = index
        messages = self.message(h[target], self.edge(edges) * self.source(h[source]))
        return self.update(h, scatter(messages, target, dim=0, dim_size=len(h)))


class ScaleBody(nn.Module):
    """Rounds forward, or forward and backward with inverse edges."""

    def __init__(self, width: int, layers: int, both: bool):
        super().__init__()
        self.node, self.edge = nn.Linear(2, width), nn.Linear(1, width, bias=False)
        self.forth = nn.ModuleList(ScaleRound(width) for _ in range(layers))
        self.back = nn.ModuleList(ScaleRound(width) for _ in range(layers if both else 0))

    def forward(self, batch: object) -> Tensor:
        """Features of the nodes."""
        h, edges = self.node(batch.x), self.edge(batch.edge_attr)
        inverse = self.edge(1 / torch.where(batch.edge_attr.abs() < 1e-6, 1e-6, batch.edge_attr))
        for number, layer in enumerate(self.forth):
            new = layer(h, batch.edge_index, edges)
            if len(self.back):
                new = new + self.back[number](h, batch.edge_index.flip(0), inverse)
            h = h + new
        return h


class PlainScaleGMN(nn.Module):
    """Scale equivariant graph metanetwork."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, both: bool):
        super().__init__()
        self.sizes, self.body = sizes, ScaleBody(width, layers, both)
        self.out = perceptron(width, width, 1)

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        batch = batched(nets, self.sizes)
        h = self.body(batch)
        return self.out(global_mean_pool((h / h.norm(dim=-1, keepdim=True).clamp(min=1e-6)).abs(), batch.batch))


class PlainSpaceNet(nn.Module):
    """Messages both ways, statistics and probes, read by a loop over the members of an ensemble."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, members: int = 8, hidden: int = 128):
        super().__init__()
        self.sizes, self.body = sizes, ScaleBody(width, layers, True)
        self.statistics, self.probes = PlainStatistics(sizes, hidden, 1, hidden), PlainProbes(sizes, hidden, 2, hidden)
        self.members = nn.ModuleList(perceptron(width + 2 * hidden, hidden, hidden, 1) for _ in range(members))

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        batch = batched(nets, self.sizes)
        found = [global_mean_pool(self.body(batch), batch.batch), self.statistics(nets), self.probes(nets)]
        return torch.stack([member(torch.cat(found, 1)) for member in self.members]).mean(0)
