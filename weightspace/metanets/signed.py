"""Messages along the weights for neurons that may change sign: odd features flip with them, even ones don't."""

from functools import lru_cache

import torch
from torch import Tensor, nn

from weightspace.graphs import EDGE_FEATURES, SITE_FEATURES, Topology
from weightspace.metanets.dense import DenseFrame
from weightspace.metanets.frame import Edges
from weightspace.metanets.parity import parity

_SIZES = ("log size", "layers", "log fan-in", "log fan-out")
"""Features of sites and operators that messages don't see: they would lead astray on nets of other sizes."""


class Signs:
    """The parities of a frame, to multiply with; see `Parity`."""

    def __init__(self, frame: DenseFrame, exact: bool):
        self.frame, self.found = frame, [parity(topo, exact) for topo in frame.topologies]
        self.signed = self._nodes("signed")
        self.odd, self.even = self._nodes("odd"), self._nodes("even")
        self.any = any(bool(own.signed.any()) for own in self.found)

    def _nodes(self, key: str) -> Tensor:
        return self.frame.at_nodes([getattr(own, key).to(self.frame.x) for own in self.found])

    def edges(self, key: str, edges: Edges) -> Tensor:
        """One of ``source``, ``target``, ``flips`` for a group of edges, ``[nets or 1, 1, 1, 1]``."""
        found = self.frame.at_edges([getattr(own, key).to(self.frame.x) for own in self.found], edges)
        return found if found.ndim == 4 else found[None]

    def ends(self, edges: Edges) -> tuple[Tensor, Tensor]:
        """Where odd features can be sent from the sources, and from the targets."""
        return self.edges("source", edges), self.edges("target", edges)

    def invariant(self, x: Tensor) -> Tensor:
        """Odd features as they are where a node has no sign, else without their signs."""
        return torch.where(self.signed > 0, x.abs(), x) if self.any else x


class SignedLayer(nn.Module):
    r"""One round of messages both ways on odd features $x_i$ and even features $z_i$ of every neuron.

    A weight $e_{ij}$ flips with both of its ends. So with heads $h$ and an even gate on every edge,

    $g_{ij} = \operatorname{relu}(|e_{ij}| A + e_{ij} (a \cdot x_i)(b \cdot x_j) + c \cdot z_i + d \cdot z_j)$,

    $\sum_j e_{ij} (1 + g_{ij}) P x_j / \sqrt{n_j}$ is odd in $i$ and $\tfrac{1}{n_j} \sum_j g_{ij} Q z_j$ is even: an
    imitation of the net's own forward pass beside a mean that doesn't depend on width; the same with the ends
    exchanged. Features are changed by perceptrons of even quantities, odd ones only by multiples of odd ones. At
    neurons without a sign all is even, and nothing is lost. Edges have ``heads`` features instead of ``width``, and
    sums are matrix products. After Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks".

    Args:
        columns: features of an edge. width: of a node, each kind. heads: gates of an edge.
    """

    def __init__(self, columns: int, width: int, heads: int):
        super().__init__()
        self.width, self.heads = width, heads
        self.norm = nn.LayerNorm(width)
        self.edge = nn.Parameter(torch.randn(3, columns, heads) * columns**-0.5)
        self.operator = nn.Linear(len(EDGE_FEATURES), 2 * heads)
        self.odd = nn.Linear(width, 2 * width + 2 * heads, bias=False)
        self.even = nn.Linear(width, 2 * width + 2 * heads)
        self.pairs = nn.Linear(3 * width, 2 * width, bias=False)
        self.keep = nn.Linear(3 * width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(5 * width + 3, 2 * width), nn.SiLU(), nn.Linear(2 * width, 3 * width))

    def forward(self, frame: DenseFrame, signs: Signs, x: Tensor, z: Tensor, values: list[Tensor]) -> tuple:
        """New odd and even features ``[nets, nodes, width]``; ``values``: scaled features of each group of edges."""
        width, heads = self.width, self.heads
        odd, normed = _unit(x), self.norm(z)
        forth, back, left, right = self.odd(odd).split([width, width, heads, heads], -1)
        one, two, here, there = self.even(normed).split([width, width, heads, heads], -1)
        up, down, seen, felt = [], [], [], []
        for edges, value in zip(frame.edges, values, strict=True):
            linear, gate = self._edge(frame, signs, edges, value, (left, right, here, there))
            targets, sources = linear.shape[2:]
            (source, target), linear = signs.ends(edges), linear * (1 + gate)
            upward = carry(frame, edges, linear * source, forth) * sources**-0.5
            downward = carry_back(frame, edges, linear * target, back) * targets**-0.5
            even, still = carry(frame, edges, gate, one) / sources, carry_back(frame, edges, gate, two) / targets
            up.append(upward * target[:, 0])
            down.append(downward * source)
            # what is odd at one end and doesn't flip at the other is even there
            seen.append(even + upward * (1 - target[:, 0]) if signs.any else even)
            felt.append(still + downward * (1 - source) if signs.any else still)
        mx, mz = _collect(frame, up), _collect(frame, seen)
        bx = frame.to_sources(down)
        bz = frame.to_sources(felt)
        return self._update(signs, x, z, normed, torch.cat([odd, mx, bx], -1), mz, bz)

    def _update(self, signs: Signs, x: Tensor, z: Tensor, normed: Tensor, odd: Tensor, mz: Tensor, bz: Tensor) -> tuple:
        sizes = torch.stack([_size(part).log() for part in odd.split(self.width, -1)], -1).flatten(-2)
        moving = torch.cat([_unit(part) for part in odd.split(self.width, -1)], -1)
        one, two = self.pairs(moving).chunk(2, -1)
        seen = torch.cat([normed, _soft(mz), _soft(bz), signs.invariant(one), one * two, sizes], -1)
        gate, free, new = self.mlp(seen).chunk(3, -1)
        return x + self.keep(moving) * gate + free * (1 - signs.signed), z + new

    def _edge(self, frame: DenseFrame, signs: Signs, edges: Edges, value: Tensor, ends: tuple) -> tuple[Tensor, Tensor]:
        """The odd and the even (gate) of a group of edges, each ``[nets, heads, targets, sources]``."""
        left, right, here, there = ends
        weight = self.edge if len(edges.columns) == self.edge.shape[1] else self.edge[:, list(edges.columns)]
        tables = [self.operator(operators(topo).to(value)) for topo in frame.topologies]
        gain, bias = _first(frame.at_edges(tables, edges)).chunk(2, 1)
        linear = _first(value @ weight[0]) * (1 + gain) + _first(link_ones(frame, edges))
        source, target, flips = *signs.ends(edges), signs.edges("flips", edges)
        even = _first(value.abs() @ weight[1] + value @ weight[2] * (1 - flips)) + bias
        bilinear = _first(frame.targets(left, edges)) * _first(frame.sources(right, edges)) * linear
        gate = (
            even + bilinear * source * target + _first(frame.targets(here, edges)) + _first(frame.sources(there, edges))
        )
        return linear, torch.relu(gate)


def carry(frame: DenseFrame, edges: Edges, weight: Tensor, h: Tensor) -> Tensor:
    """Sums over sources of ``weight`` ``[nets, heads, targets, sources]`` times ``h``, ``[nets, targets, width]``."""
    heads, sources = weight.shape[1], frame.sources(h, edges)
    if frame.wires[edges.number].paired:
        return torch.einsum("nhts,ntshd->nthd", weight, sources.unflatten(-1, (heads, -1))).flatten(-2)
    return (weight @ sources[:, 0].unflatten(-1, (heads, -1)).transpose(1, 2)).transpose(1, 2).flatten(-2)


def carry_back(frame: DenseFrame, edges: Edges, weight: Tensor, h: Tensor) -> Tensor:
    """Sums over targets; ``[nets, 1, sources, width]``, or a message an edge where each target has its own sources."""
    heads, targets = weight.shape[1], frame.targets(h, edges)
    if frame.wires[edges.number].paired:
        return torch.einsum("nhts,nthd->ntshd", weight, targets[:, :, 0].unflatten(-1, (heads, -1))).flatten(-2)
    columns = targets[:, :, 0].unflatten(-1, (heads, -1)).transpose(1, 2)
    return (weight.transpose(2, 3) @ columns).transpose(1, 2).flatten(-2)[:, None]


def _collect(frame: DenseFrame, messages: list[Tensor]) -> Tensor:
    return frame.to_targets([message[:, :, None] for message in messages])


def _first(values: Tensor) -> Tensor:
    """Features of edges ``[nets, targets, sources, features]`` with the features first."""
    values = values if values.ndim == 4 else values[None]
    return values.permute(0, 3, 1, 2)


def _size(x: Tensor) -> Tensor:
    return (x.square().mean(-1, keepdim=True) + 1e-12).sqrt()


def _unit(x: Tensor) -> Tensor:
    return x / _size(x)


def _soft(x: Tensor) -> Tensor:
    return torch.asinh(x)


def link_ones(frame: DenseFrame, edges: Edges) -> Tensor:
    """One for links, which have no weight, zero for weights; to broadcast against edges."""
    return frame.at_edges([_link_ones(topo).to(frame.x) for topo in frame.topologies], edges)


@lru_cache(maxsize=256)
def _link_ones(topo: Topology) -> Tensor:
    ones = torch.zeros(len(topo.edge_features), 1)
    ones[len(topo.blocks) :] = 1
    return ones


@lru_cache(maxsize=256)
def operators(topo: Topology) -> Tensor:
    """The features of operators without those that say how large a net is."""
    return topo.edge_features * torch.tensor([float(name not in _SIZES) for name in EDGE_FEATURES])


@lru_cache(maxsize=256)
def places(topo: Topology) -> Tensor:
    """The features of sites without those that say how large a net is."""
    return topo.site_features * torch.tensor([float(name not in _SIZES) for name in SITE_FEATURES])
