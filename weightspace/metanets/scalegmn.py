"""A graph metanetwork that is equivariant to scaling and sign changes of neurons too, in both directions."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.graphs import POSITIONS, SITE_FEATURES, topology
from weightspace.metanets.frames.changes import all_columns
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.graphnet import Encoding, GraphNet, GraphNetConfig, make_readout
from weightspace.metanets.inputs.powers import powers
from weightspace.metanets.layers.message import node_degrees
from weightspace.metanets.layers.scaled import ScaledState, ScaleLayer, SymmetryMasks


@dataclass(frozen=True)
class ScaleGMNConfig(GraphNetConfig):
    """Configuration of `ScaleGMN`: that of `GraphNet`, and whether messages also run back (``bidirectional``)."""

    bidirectional: bool = True


class ScaleGMN(GraphNet):
    """Equivariant to permutation, scale and sign of neurons, as the actions of the weight space say.

    For ReLU nets neurons can be scaled, for tanh and sine nets they can change sign; both are exact here, forward only
    or in both directions. Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks".

    Raises:
        ValueError: weights so large that features overflow, as it can't compress them and stay scale equivariant.

    Shapes:
        a batch in; ``[nets, outputs]``, ``[nodes, outputs]`` or changes ``[nets, ...]`` by name out, as the head says.
    """

    Config = ScaleGMNConfig
    symmetries = ("permutation", "scale", "sign")

    def __init__(self, config: ScaleGMNConfig):
        super().__init__(config)
        for space in self.spaces:
            powers(topology(space, self.layout))  # an architecture that it can't take is refused before training
        width, columns = config.width, self.layout.node
        self.vectors = nn.ModuleList(nn.Linear(columns, width, bias=False) for _ in range(2))
        self.position, self.site = nn.Linear(POSITIONS, width), nn.Linear(len(SITE_FEATURES), width, bias=False)
        self.rounds = nn.ModuleList(
            ScaleLayer(self.layout.edge, width, config.bidirectional, number == 0) for number in range(config.layers)
        )
        self.mix = nn.Linear(4 * width, width)
        if config.head == "weights":
            self._add_changes(width)
        else:
            self.readout = make_readout(self.spaces, config)

    def _add_changes(self, width: int) -> None:
        self.node_out = nn.ModuleList(nn.Linear(width, self.layout.node, bias=False) for _ in range(2))
        self.node_gate = nn.Linear(width, self.layout.node)
        self.left = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.right = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.edge_out = nn.Linear(width, self.layout.edge, bias=False)
        self.edge_gate = nn.ModuleList(nn.Linear(width, self.layout.edge) for _ in range(2))

    def encode(self, frame: Frame) -> Encoding:
        edges = [group.values / self.scaling.edge_sizes(frame, group) for group in frame.edges]
        nodes = frame.x / self.scaling.node_sizes(frame)
        masks, degrees = SymmetryMasks(frame), node_degrees(frame)
        state = self._start(frame, masks, nodes)
        for layer in self.rounds:
            state = layer(frame, masks, state, edges, degrees)
        x, y, z = state
        neurons = self.mix(torch.cat([masks.invariant(x), masks.invariant(y), (x * y).asinh(), z], -1))
        _check_finite(neurons)
        return Encoding(neurons, nodes, edges, state)

    def _start(self, frame: Frame, masks: SymmetryMasks, nodes: Tensor) -> ScaledState:
        power, squared = masks.vectors, masks.vectors == 2
        # a variance moves with the square of a factor: its root moves with the factor, and no sign changes it
        root = nodes.abs().sqrt() * (squared & (masks.sign == 0))
        still = torch.asinh(nodes) * ((power == 0) | (squared & (masks.scale == 0)))
        sites = frame.at_nodes([self.site(topo.site_features.to(nodes)) for topo in frame.topologies])
        places = frame.per_node([self.position(topo.positions.to(nodes)) for topo in frame.topologies])
        moving = self.vectors[0](nodes * (power == 1) + root)
        return ScaledState(moving, torch.zeros_like(moving), self.vectors[1](still) + sites + places)

    def change(self, frame: Frame, encoding: Encoding) -> tuple[Tensor, list[Tensor]]:
        masks, (moving, inverse, still) = SymmetryMasks(frame), encoding.moving
        power = masks.vectors
        nodes = self.node_out[0](moving) * (power == 1) + self.node_out[1](still) * (power == 0)
        nodes = (nodes + encoding.nodes * self.node_gate(encoding.neurons)) * self.scaling.node_sizes(frame)
        moving_target, still_target = self.left[0](moving), self.left[1](still)
        moving_source, still_source = self.right[0](inverse), self.right[1](still)
        target_gate, source_gate = (gate(encoding.neurons) for gate in self.edge_gate)
        changes = []
        for group, value in zip(frame.edges, encoding.edges, strict=True):
            target, source = masks.edges(group)
            ends = frame.targets(moving_target, group) * (target == 1)
            ends = ends + frame.targets(still_target, group) * (target == 0)
            starts = frame.sources(moving_source, group) * (source == -1)
            starts = starts + frame.sources(still_source, group) * (source == 0)
            gate = frame.targets(target_gate, group) + frame.sources(source_gate, group)
            change = self.edge_out(ends * starts) + all_columns(value, group.columns, self.layout.edge) * gate
            changes.append(change * self.scaling.edge_sizes(frame, group))
        _check_finite(nodes, *changes)
        return nodes, changes


def _check_finite(*found: Tensor) -> None:
    if torch.compiler.is_compiling() or found[0].is_meta:
        return
    if bool(torch.stack([torch.isfinite(part).all() for part in found]).all()):  # asked once
        return
    raise ValueError(
        "Some weights are too large for ScaleGMN, which can't compress them and stay scale equivariant. Use float64, "
        "or leave nets out that diverged."
    )
