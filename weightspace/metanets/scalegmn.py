"""A graph metanetwork that is equivariant to scaling and sign changes of neurons too, in both directions."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import EDGE_FEATURES, POSITIONS, SITE_FEATURES, Topology, topology
from weightspace.metanets.frames.frame import Edges, Frame
from weightspace.metanets.frames.make import make_frame
from weightspace.metanets.graphnet import GraphNet, GraphNetConfig, all_columns, read_changes
from weightspace.metanets.inputs.powers import powers
from weightspace.metanets.layers.message import node_degrees


@dataclass(frozen=True)
class ScaleGMNConfig(GraphNetConfig):
    """Configuration of `ScaleGMN`: that of `GraphNet`, and whether messages also run back (``bidirectional``)."""

    bidirectional: bool = True


class SymmetryMasks:
    """Which nodes and edges of a frame transform how; masks to multiply with."""

    def __init__(self, frame: Frame):
        found = [powers(topo) for topo in frame.topologies]
        self.found, self.frame = found, frame
        self.scale = frame.at_nodes([own.scale.to(frame.x) for own in found])
        self.sign = frame.at_nodes([own.sign.to(frame.x) for own in found])
        self.vectors = frame.at_nodes([own.vectors.to(frame.x) for own in found])

    def edges(self, edges: Edges) -> tuple[Tensor, Tensor]:
        """The powers of target and source in a group of edges, to broadcast."""
        tables = (
            [own.target.to(self.frame.x) for own in self.found],
            [own.source.to(self.frame.x) for own in self.found],
        )
        return self.frame.at_edges(tables[0], edges), self.frame.at_edges(tables[1], edges)

    def invariant(self, x: Tensor) -> Tensor:
        """What of features that move with a factor (or its inverse) doesn't change: direction, without the sign."""
        size = x.norm(dim=-1, keepdim=True)
        direction = x / torch.where(size > 0, size, 1.0)
        kept = torch.where(self.scale > 0, direction, torch.asinh(x))
        return torch.where(self.sign > 0, kept.abs(), kept)


class ScaleLayer(nn.Module):
    r"""One round on three masks of features: $x_i$ moves with the factor $q_i$, $y_i$ with $1 / q_i$, $z_i$ not at all.

    A weight moves with $q_i / q_j$, so $e_{ij} x_j$ moves with $q_i$ and, along the edge back, $e_{ij} y_i$ with
    $1 / q_j$: forward messages carry $x$, backward messages $y$, as activations and gradients do. Neither needs the
    inverse of a weight. Where an edge has other powers (before a norm, at inputs and outputs) the kind that fits is
    sent and the sum goes to the kind that it has. Features are changed by $x \leftarrow (\Gamma x) \odot
    \mathrm{MLP}(\text{invariants})$. Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks", equations
    10 to 15; the way back is ours, theirs isn't equivariant for ReLU.
    """

    def __init__(self, columns: int, width: int, both: bool, first: bool):
        super().__init__()
        self.width, self.both, sent = width, both, 1 + both
        self.edge = nn.Parameter(torch.randn(columns, sent * width) * columns**-0.5)
        self.operator = nn.Linear(len(EDGE_FEATURES), sent * width)
        # at first nothing moves with an inverse factor, so nothing of the kind can be sent
        self.send = nn.ModuleList(
            nn.Identity() if first and number == 2 else nn.Linear(width, width, bias=False)
            for number in range(2 * sent)
        )
        self.keep = nn.ModuleList(nn.Linear((2 + (kind == 2)) * width, width, bias=False) for kind in range(3))
        self.mlp = nn.Sequential(nn.Linear(8 * width, 2 * width), nn.SiLU(), nn.Linear(2 * width, 3 * width))

    def forward(
        self,
        frame: Frame,
        masks: SymmetryMasks,
        state: tuple[Tensor, Tensor, Tensor],
        values: list[Tensor],
        degrees: tuple,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New ``(x, y, z)``."""
        x, y, z = state
        mx, mz = self._messages(frame, masks, x, z, values, True, degrees[0])
        my, mw = (
            self._messages(frame, masks, y, z, values, False, degrees[1]) if self.both else (torch.zeros_like(x),) * 2
        )
        seen = [masks.invariant(part) for part in (x, y, mx, my)] + [(x * y).asinh(), (mx * y).asinh(), z, mz + mw]
        gates = self.mlp(torch.cat(seen, -1)).split(self.width, -1)
        new_x = self.keep[0](torch.cat([x, mx], -1)) * gates[0]
        new_y = self.keep[1](torch.cat([y, my], -1)) * gates[1]
        return x + new_x, y + new_y, z + self.keep[2](torch.cat([z, mz, mw], -1)) + gates[2]

    def _messages(
        self,
        frame: Frame,
        masks: SymmetryMasks,
        moving: Tensor,
        fixed: Tensor,
        values: list[Tensor],
        forward: bool,
        degree: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Means of messages that move with the receiver's factor (back: its inverse), and of those that don't move."""
        first = 0 if forward else 2
        there, gather = (frame.sources, frame.to_targets) if forward else (frame.targets, frame.to_sources)
        moving, fixed = self.send[first](moving), self.send[first + 1](fixed)
        part = slice(0, self.width) if forward else slice(self.width, 2 * self.width)
        carried, still = [], []
        for group, value in zip(frame.edges, values, strict=True):
            target, source = masks.edges(group)
            sender, receiver = (source, target) if forward else (target, source)
            # an edge of power -1 at the sender needs what has power +1 there, one of power 0 what doesn't move
            inverse = -1.0 if forward else 1.0
            taken = torch.where(sender == inverse, there(moving, group), there(fixed, group))
            taken = taken * ((sender == inverse) | (sender == 0))
            weight, links, gain = self._edge(frame, group, value, part)
            message = frame.carry(group, value, weight, links, taken) * gain
            carried.append(message * (receiver == -inverse))
            still.append(message * (receiver == 0))
        return gather(carried) / degree, gather(still) / degree

    def _edge(self, frame: Frame, group: Edges, value: Tensor, part: slice) -> tuple[Tensor, Tensor, Tensor]:
        """The matrix for the features of edges, what is added for links, and the gain that the operator gives."""
        weight = self.edge[:, part]
        weight = weight if len(group.columns) == len(weight) else weight[list(group.columns)]
        gains = [1 + self.operator(topo.edge_features.to(value))[:, part] for topo in frame.topologies]
        links = [_link_ones(topo, value) for topo in frame.topologies]
        return weight, frame.at_edges(links, group), frame.at_edges(gains, group)


class ScaleGMN(GraphNet):
    """Equivariant to permutation, scale and sign of neurons, as the actions of the weight space say.

    For ReLU nets neurons can be scaled, for tanh and sine nets they can change sign; both are exact here, forward only
    or in both directions. Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks".
    """

    Config = ScaleGMNConfig
    symmetries = ("permutation", "scale", "sign")

    def build(self, config: ScaleGMNConfig) -> None:
        for space in self.spaces:
            powers(topology(space, self.layout))  # an architecture that it can't take is refused before training
        width, columns = config.width, self.layout.node
        self.vectors = nn.ModuleList(nn.Linear(columns, width, bias=False) for _ in range(2))
        self.position, self.site = nn.Linear(POSITIONS, width), nn.Linear(len(SITE_FEATURES), width, bias=False)
        self.rounds = nn.ModuleList(
            ScaleLayer(self.layout.edge, width, config.bidirectional, number == 0) for number in range(config.layers)
        )
        self.mix = nn.Linear(4 * width, width)

    def build_change(self, config: ScaleGMNConfig) -> None:
        width = config.width
        self.node_out = nn.ModuleList(nn.Linear(width, self.layout.node, bias=False) for _ in range(2))
        self.node_gate = nn.Linear(width, self.layout.node)
        self.left = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.right = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.edge_out = nn.Linear(width, self.layout.edge, bias=False)
        self.edge_gate = nn.ModuleList(nn.Linear(width, self.layout.edge) for _ in range(2))

    def encode(self, frame: Frame, x: Tensor, values: list[Tensor]) -> Tensor:
        return self._read(SymmetryMasks(frame), self._rounds(frame, x, values))

    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        frame = make_frame(graph, self.layout, self.dense)
        shares = self.readout.shares(frame) if self.config.head == "graph" else None
        values = [group.values / self.scaling.edge_sizes(frame, group) for group in frame.edges]
        x = frame.x / self.scaling.node_sizes(frame)
        state, masks = self._rounds(frame, x, values), SymmetryMasks(frame)
        h = self._read(masks, state)
        if self.config.head == "weights":
            found = self._change(graph, frame, masks, state, h, x, values)
            _check_finite(list(found.values()))
            return found
        found = self.readout(frame, h, shares) if self.config.head == "graph" else self.readout(h).flatten(0, -2)
        _check_finite([found])
        return found

    def _rounds(self, frame: Frame, x: Tensor, values: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        masks, degrees = SymmetryMasks(frame), node_degrees(frame)
        state = self._start(frame, masks, x)
        for layer in self.rounds:
            state = layer(frame, masks, state, values, degrees)
        return state

    def _start(self, frame: Frame, masks: SymmetryMasks, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        power, squared = masks.vectors, masks.vectors == 2
        # a variance moves with the square of a factor: its root moves with the factor, and no sign changes it
        root = x.abs().sqrt() * (squared & (masks.sign == 0))
        still = torch.asinh(x) * ((power == 0) | (squared & (masks.scale == 0)))
        sites = frame.at_nodes([self.site(topo.site_features.to(x)) for topo in frame.topologies])
        places = frame.per_node([self.position(topo.positions.to(x)) for topo in frame.topologies])
        moving = self.vectors[0](x * (power == 1) + root)
        return moving, torch.zeros_like(moving), self.vectors[1](still) + sites + places

    def _read(self, masks: SymmetryMasks, state: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, y, z = state
        return self.mix(torch.cat([masks.invariant(x), masks.invariant(y), (x * y).asinh(), z], -1))

    def _change(
        self,
        graph: Data | Batch,
        frame: Frame,
        masks: SymmetryMasks,
        state: tuple[Tensor, Tensor, Tensor],
        h: Tensor,
        old: Tensor,
        values: list[Tensor],
    ) -> dict[str, Tensor]:
        (moving, inverse, fixed), power = state, masks.vectors
        x = self.node_out[0](moving) * (power == 1) + self.node_out[1](fixed) * (power == 0)
        x = (x + old * self.node_gate(h)) * self.scaling.node_sizes(frame)
        left, right = (self.left[0](moving), self.left[1](fixed)), (self.right[0](inverse), self.right[1](fixed))
        gates, edges = [gate(h) for gate in self.edge_gate], []
        for group, value in zip(frame.edges, values, strict=True):
            target, source = masks.edges(group)
            one = frame.targets(left[0], group) * (target == 1) + frame.targets(left[1], group) * (target == 0)
            two = frame.sources(right[0], group) * (source == -1) + frame.sources(right[1], group) * (source == 0)
            gate = frame.targets(gates[0], group) + frame.sources(gates[1], group)
            change = self.edge_out(one * two) + all_columns(value, group.columns, self.layout.edge) * gate
            edges.append(change * self.scaling.edge_sizes(frame, group))
        return read_changes(graph, frame, self.layout, x, edges)


def _check_finite(found: list[Tensor]) -> None:
    if torch.compiler.is_compiling() or all(bool(torch.isfinite(part).all()) for part in found):
        return
    raise ValueError(
        "Some weights are too large for ScaleGMN, which can't compress them and stay scale equivariant. Use float64, "
        "or leave nets out that diverged."
    )


def _link_ones(topo: Topology, like: Tensor) -> Tensor:
    """``[blocks + links, 1]``: one for links, which have no weight, zero for weights."""
    ones = torch.zeros(len(topo.edge_features), 1).to(like)
    ones[len(topo.blocks) :] = 1
    return ones
