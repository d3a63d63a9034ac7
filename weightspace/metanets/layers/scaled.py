"""Messages for neurons that may be scaled or change sign: three kinds of features, each sent where it fits."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from weightspace.graphs import EDGE_FEATURES, Topology
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges, Frame
from weightspace.metanets.inputs.powers import powers


class ScaledState(NamedTuple):
    """Features of every neuron ``[..., width]``, by how they move with its factor.

    Attributes:
        moving: with the factor.
        inverse: with its inverse.
        still: not at all.
    """

    moving: Tensor
    inverse: Tensor
    still: Tensor


class SymmetryMasks:
    """Which nodes and edges of a frame transform how; masks to multiply with."""

    def __init__(self, frame: Frame):
        self.frame, self.powers = frame, [powers(topo) for topo in frame.topologies]
        self.scale = frame.at_nodes([own.scale.to(frame.x) for own in self.powers])
        self.sign = frame.at_nodes([own.sign.to(frame.x) for own in self.powers])
        self.vectors = frame.at_nodes([own.vectors.to(frame.x) for own in self.powers])

    def edges(self, edges: Edges) -> tuple[Tensor, Tensor]:
        """The powers of target and source in a group of edges, to broadcast."""
        targets = [own.target.to(self.frame.x) for own in self.powers]
        sources = [own.source.to(self.frame.x) for own in self.powers]
        return self.frame.at_edges(targets, edges), self.frame.at_edges(sources, edges)

    def invariant(self, x: Tensor) -> Tensor:
        """What of features that move with a factor (or its inverse) doesn't change: direction, without the sign."""
        size = x.norm(dim=-1, keepdim=True)
        direction = x / torch.where(size > 0, size, 1.0)
        kept = torch.where(self.scale > 0, direction, torch.asinh(x))
        return torch.where(self.sign > 0, kept.abs(), kept)


class ScaleLayer(nn.Module):
    r"""One round on three kinds of features: $x_i$ moves with the factor $q_i$, $y_i$ with $1 / q_i$, $z_i$ not at all.

    A weight moves with $q_i / q_j$, so $e_{ij} x_j$ moves with $q_i$ and, along the edge back, $e_{ij} y_i$ with
    $1 / q_j$: forward messages carry $x$, backward messages $y$, as activations and gradients do. Neither needs the
    inverse of a weight. Where an edge has other powers (before a norm, at inputs and outputs) the kind that fits is
    sent and the sum goes to the kind that it has. Features are changed by $x \leftarrow (\Gamma x) \odot
    \mathrm{MLP}(\text{invariants})$. Kalogeropoulos et al. 2024, "Scale equivariant graph metanetworks", equations
    10 to 15; the way back is ours, theirs isn't equivariant for ReLU.

    Args:
        columns: features of an edge.
        width: of a node, each kind.
        both: whether messages also run back.
        first: whether nothing moves with an inverse factor yet.

    Shapes:
        each kind ``[..., width]`` and edges ``[..., columns]`` in, each kind ``[..., width]`` out.
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
        self, frame: Frame, masks: SymmetryMasks, state: ScaledState, values: list[Tensor], degrees: tuple
    ) -> ScaledState:
        """The state after a round.

        Args:
            frame: the batch. masks: its powers. values: scaled features of each group of edges. degrees: of the nodes.
        """
        x, y, z = state
        ahead, ahead_still = self._messages(frame, masks, x, z, values, True, degrees[0])
        back = back_still = torch.zeros_like(x)
        if self.both:
            back, back_still = self._messages(frame, masks, y, z, values, False, degrees[1])
        invariants = [masks.invariant(part) for part in (x, y, ahead, back)]
        invariants += [(x * y).asinh(), (ahead * y).asinh(), z, ahead_still + back_still]
        gates = self.mlp(torch.cat(invariants, -1)).split(self.width, -1)
        new_x = self.keep[0](torch.cat([x, ahead], -1)) * gates[0]
        new_y = self.keep[1](torch.cat([y, back], -1)) * gates[1]
        new_z = z + self.keep[2](torch.cat([z, ahead_still, back_still], -1)) + gates[2]
        return ScaledState(x + new_x, y + new_y, new_z)

    def _messages(
        self,
        frame: Frame,
        masks: SymmetryMasks,
        moving: Tensor,
        still: Tensor,
        values: list[Tensor],
        forward: bool,
        degree: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Means of messages that move with the receiver's factor (back: its inverse), and of those that don't move."""
        first = 0 if forward else 2
        senders, gather = (frame.sources, frame.to_targets) if forward else (frame.targets, frame.to_sources)
        moving, still = self.send[first](moving), self.send[first + 1](still)
        part = slice(0, self.width) if forward else slice(self.width, 2 * self.width)
        moved, unmoved = [], []
        for group, value in zip(frame.edges, values, strict=True):
            target, source = masks.edges(group)
            sender, receiver = (source, target) if forward else (target, source)
            # an edge of power -1 at the sender needs what has power +1 there, one of power 0 what doesn't move
            inverse = -1.0 if forward else 1.0
            taken = torch.where(sender == inverse, senders(moving, group), senders(still, group))
            taken = taken * ((sender == inverse) | (sender == 0))
            weight, links, gain = self._edge(frame, group, value, part)
            message = carry(frame, group, value, weight, links, taken) * gain
            moved.append(message * (receiver == -inverse))
            unmoved.append(message * (receiver == 0))
        return gather(moved) / degree, gather(unmoved) / degree

    def _edge(self, frame: Frame, group: Edges, value: Tensor, part: slice) -> tuple[Tensor, Tensor, Tensor]:
        """The matrix for the features of edges, what is added for links, and the gain that the operator gives."""
        weight = self.edge[:, part]
        weight = weight if len(group.columns) == len(weight) else weight[list(group.columns)]
        gains = [1 + self.operator(topo.edge_features.to(value))[:, part] for topo in frame.topologies]
        links = [_link_ones(topo, value) for topo in frame.topologies]
        return weight, frame.at_edges(links, group), frame.at_edges(gains, group)


def carry(frame: Frame, edges: Edges, value: Tensor, weight: Tensor, offset: Tensor, sent: Tensor) -> Tensor:
    """Messages ``(value @ weight + offset) * sent``; of a block, those from all senders added up already.

    Args:
        frame: the batch. edges: a group. value: its features. weight: ``[columns, width]``. offset: to broadcast.
        sent: what `Frame.sources` gives, for messages to the targets, or what `Frame.targets` gives, for those back.
    """
    if not isinstance(frame, DenseFrame) or frame.paired(edges):
        return (value @ weight + offset) * sent
    back = sent.shape[2] == 1 and sent.shape[1] == value.shape[1]  # the senders are the targets
    value, sent = (value.transpose(1, 2), sent[:, :, 0]) if back else (value, sent[:, 0])
    if value.shape[-1] == 1:
        total = (value[..., 0] @ sent) * weight[0]
    else:
        total = (torch.einsum("brsc,bsd->brcd", value, sent) * weight).sum(2)
    total = total + offset[..., 0, :] * sent.sum(1, keepdim=True)
    return total[:, None] if back else total[:, :, None]


def _link_ones(topo: Topology, like: Tensor) -> Tensor:
    """``[blocks + links, 1]``: one for links, which have no weight, zero for weights."""
    ones = torch.zeros(len(topo.edge_features), 1).to(like)
    ones[len(topo.blocks) :] = 1
    return ones
