"""Messages along the weights for neurons that may change sign: odd features flip with them, even ones don't."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import softsign

from weightspace.graphs import EDGE_FEATURES, SITE_FEATURES, Topology
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges
from weightspace.metanets.inputs.signs import EdgeValues, Signs

_SIZES = ("log size", "layers", "log fan-in", "log fan-out")
"""Features of sites and operators that messages don't see: they would lead astray on nets of other sizes."""


class SignedLayer(nn.Module):
    r"""One round of messages both ways on odd features $x_i$ and even features $z_i$ of every neuron.

    A weight $e_{ij}$ flips with both of its ends. So with heads $h$ and an even gate on every edge,

    $g_{ij} = \operatorname{relu}(|e_{ij}| A + e_{ij} (a \cdot x_i)(b \cdot x_j) + c \cdot z_i + d \cdot z_j)$,

    $\sum_j e_{ij} (1 + g_{ij}) P x_j / \sqrt{n_j}$ is odd in $i$ and $\tfrac{1}{n_j} \sum_j g_{ij} Q z_j$ is even: an
    imitation of the net's own forward pass beside a mean that doesn't depend on width; the same with the ends
    exchanged. Odd features are changed by multiples and sines of odd ones, even ones by perceptrons of even quantities.
    At neurons without a sign all is even, and nothing is lost. Edges have ``gates`` features instead of ``width``, and
    sums are matrix products. After Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks".

    Args:
        columns: features of an edge.
        width: of a node, each kind.
        gates: of an edge.

    Shapes:
        odd and even features ``[nets, nodes, width]`` and those of each group of edges in, new ones of the nodes out.
    """

    def __init__(self, columns: int, width: int, gates: int):
        super().__init__()
        self.width, self.gates = width, gates
        self.norm = nn.LayerNorm(width)
        self.edge = nn.Parameter(torch.randn(gates, columns) * columns**-0.5)
        self.size = nn.Parameter(torch.randn(gates, 2, columns) * (2 * columns) ** -0.5)
        self.operator = nn.Linear(len(EDGE_FEATURES), 2 * gates)
        self.odd = nn.Linear(width, 2 * width + 2 * gates, bias=False)
        self.even = nn.Linear(width, 2 * width + 2 * gates)
        self.pairs = nn.Linear(3 * width, 2 * width, bias=False)
        self.keep = nn.Linear(3 * width, width, bias=False)
        self.turn, self.wave = nn.Linear(3 * width, width, bias=False), nn.Linear(width, width, bias=False)
        nn.init.normal_(self.turn.weight, std=1 / width**0.5)
        self.mlp = nn.Sequential(nn.Linear(5 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, 3 * width))

    def forward(self, frame: DenseFrame, signs: Signs, x: Tensor, z: Tensor, values: list[EdgeValues]) -> tuple:
        """New odd features ``x`` and even ones ``z``."""
        width, gates = self.width, self.gates
        normed = self.norm(z)
        odd_ahead, odd_back, odd_target, odd_source = self.odd(_soft(x)).split([width, width, gates, gates], -1)
        even_ahead, even_back, even_target, even_source = self.even(normed).split([width, width, gates, gates], -1)
        ahead, back = ([], []), ([], [])  # odd and even messages to the targets, and to the sources
        for value in values:
            edges, (source, target) = value.edges, (value.source, value.target)
            linear, gate = self._edge(frame, value, (odd_target, odd_source, even_target, even_source))
            linear, (targets, sources) = linear * (1 + gate), linear.shape[2:]
            odd_message = carry(frame, edges, value.masked(linear, source), odd_ahead) * sources**-0.5
            odd_message_back = carry_back(frame, edges, value.masked(linear, target), odd_back) * targets**-0.5
            even_message = carry(frame, edges, gate, even_ahead) / sources
            even_message_back = carry_back(frame, edges, gate, even_back) / targets
            ahead[0].append(odd_message * target[:, 0] if value.partial else odd_message)
            back[0].append(odd_message_back * source if value.partial else odd_message_back)
            # what is odd at one end and doesn't flip at the other is even there
            ahead[1].append(even_message + odd_message * (1 - target[:, 0]) if value.partial else even_message)
            back[1].append(even_message_back + odd_message_back * (1 - source) if value.partial else even_message_back)
        moving = [x, _collect(frame, ahead[0]), frame.to_sources(back[0])]
        still = [_collect(frame, ahead[1]), frame.to_sources(back[1])]
        return self._update(signs, moving, z, torch.cat([normed, *map(softsign, still)], -1))

    def _update(self, signs: Signs, moving: list[Tensor], z: Tensor, even: Tensor) -> tuple[Tensor, Tensor]:
        turned = torch.sin(self.turn(torch.cat(moving, -1)))
        units = torch.cat([_soft(part) for part in moving], -1)
        one, other = self.pairs(units).chunk(2, -1)
        invariants = torch.cat([even, signs.invariant(one), one * other], -1)
        gate, free, new = self.mlp(invariants).chunk(3, -1)
        x = moving[0] + self.keep(units) * gate + self.wave(turned)
        return x + free * (1 - signs.signed), z + new

    def _edge(self, frame: DenseFrame, value: EdgeValues, ends: tuple) -> tuple[Tensor, Tensor]:
        """The odd and the even (gate) of a group of edges, each ``[nets, gates, targets, sources]``."""
        edges, (odd_target, odd_source, even_target, even_source) = value.edges, ends
        whole = len(edges.columns) == self.edge.shape[1]
        columns = slice(None) if whole else list(edges.columns)
        tables = [self.operator(operators(topo, value.odd.device, value.odd.dtype)) for topo in frame.topologies]
        gain, bias = _first(frame.at_edges(tables, edges)).chunk(2, 1)
        shape = (len(value.odd), self.gates, *value.shape)
        linear = (self.edge[:, columns] @ value.odd).reshape(shape) * (1 + gain)
        linear = linear + 1 if value.link else linear
        bilinear = _first(frame.targets(odd_target, edges)) * _first(frame.sources(odd_source, edges)) * linear
        if value.partial:
            bilinear = bilinear * value.source * value.target
        even = (self.size[:, :, columns].flatten(1) @ value.even).reshape(shape) + bias
        gate = even + bilinear + _first(frame.targets(even_target, edges)) + _first(frame.sources(even_source, edges))
        return linear, torch.relu(gate)


def carry(frame: DenseFrame, edges: Edges, weight: Tensor, h: Tensor) -> Tensor:
    """Sums over sources of ``weight`` ``[nets, heads, targets, sources]`` times ``h``, ``[nets, targets, width]``."""
    heads, sources = weight.shape[1], frame.sources(h, edges)
    if frame.paired(edges):
        return torch.einsum("nhts,ntshd->nthd", weight, sources.unflatten(-1, (heads, -1))).flatten(-2)
    return (weight @ sources[:, 0].unflatten(-1, (heads, -1)).transpose(1, 2)).transpose(1, 2).flatten(-2)


def carry_back(frame: DenseFrame, edges: Edges, weight: Tensor, h: Tensor) -> Tensor:
    """Sums over targets; ``[nets, 1, sources, width]``, or a message an edge where each target has its own sources."""
    heads, targets = weight.shape[1], frame.targets(h, edges)
    if frame.paired(edges):
        return torch.einsum("nhts,nthd->ntshd", weight, targets[:, :, 0].unflatten(-1, (heads, -1))).flatten(-2)
    columns = targets[:, :, 0].unflatten(-1, (heads, -1)).transpose(1, 2)
    return (weight.transpose(2, 3) @ columns).transpose(1, 2).flatten(-2)[:, None]


def _collect(frame: DenseFrame, messages: list[Tensor]) -> Tensor:
    return frame.to_targets([message[:, :, None] for message in messages])


def _first(values: Tensor) -> Tensor:
    """Features of edges ``[nets, targets, sources, features]`` with the features first."""
    values = values if values.ndim == 4 else values[None]
    return values.permute(0, 3, 1, 2)


def _soft(x: Tensor) -> Tensor:
    """Features of a node made shorter than one, their direction kept."""
    return x / (1 + (x.square().mean(-1, keepdim=True) + 1e-12).sqrt())


@lru_cache(maxsize=256)
def operators(topo: Topology, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The features of operators without those that say how large a net is."""
    return (topo.edge_features * torch.tensor([float(name not in _SIZES) for name in EDGE_FEATURES])).to(device, dtype)


@lru_cache(maxsize=256)
def places(topo: Topology, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The features of sites without those that say how large a net is."""
    return (topo.site_features * torch.tensor([float(name not in _SIZES) for name in SITE_FEATURES])).to(device, dtype)


@lru_cache(maxsize=256)
def positions(topo: Topology, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The positions of neurons that can't be permuted."""
    return topo.positions.to(device, dtype)
