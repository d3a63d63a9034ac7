"""The usual size of every tensor, by what it is for and how deep it lies, so that unseen architectures have one too."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor, nn

from weightspace.graphs import Layout, Topology
from weightspace.metanets.frames.frame import Edges, Frame
from weightspace.metanets.inputs.depths import knot_weights, slot_of, tensor_places
from weightspace.metanets.inputs.scaling import usual_size
from weightspace.space import WeightSpace

ROLES = ("weight", "bias", "scale", "shift", "mean", "var", "other")


class SharedSizes(nn.Module):
    r"""Divides each tensor by its usual root mean square and compresses large values, $\operatorname{asinh}(w/s)$.

    $s = r / \sqrt{\text{fan-in}}$ for weights and $s = r$ for vectors, where $r$ depends on what the tensor is for and
    on its relative depth alone: a table over knots, fitted to the training nets. So nets of other widths and depths
    are scaled like those that were seen.

    Args:
        layout: the columns that the metanet reads.
        knots: of relative depth.
    """

    def __init__(self, layout: Layout, knots: int):
        super().__init__()
        self.layout, self.knots = layout, knots
        self.register_buffer("ratio", torch.zeros(len(ROLES), knots))

    def fit(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        """Set the table: a mean over spaces of the logarithm of the median size."""
        total, count = torch.zeros(len(ROLES), self.knots), torch.zeros(len(ROLES), 1)
        for space, stack in weights.items():
            for row, role in enumerate(ROLES):
                names, places = tensor_places(space, role)
                if names:
                    sizes = [float(usual_size(stack[n])) / default_size(space, n) for n in names]
                    total[row] += knot_weights(places, self.knots) @ torch.tensor(sizes).log()
                    count[row] += 1
        self.ratio.copy_(total / count.clamp(min=1))

    def edge_sizes(self, frame: Frame, edges: Edges) -> Tensor:
        """The usual size of the features of a group of edges, to broadcast."""
        return frame.at_edges([self._sizes(edge_rows(topo, self.knots), frame) for topo in frame.topologies], edges)

    def node_sizes(self, frame: Frame) -> Tensor:
        """The usual size of every feature of the nodes, to broadcast."""
        rows = [node_rows(topo, self.knots, self.layout) for topo in frame.topologies]
        return frame.at_nodes([self._sizes(own, frame) for own in rows])

    def _sizes(self, rows: "SizeRows", frame: Frame) -> Tensor:
        """Default sizes times ratios between knots; the last entry of the table is for what has size one."""
        rows = rows.to(frame.x.device)
        flat = nn.functional.pad(self.ratio.flatten(), (0, 1))
        near, next_one = flat[rows.below], flat[rows.above]
        return (rows.default * (near + rows.part * (next_one - near)).exp()).to(frame.x.dtype)


@dataclass(frozen=True, eq=False)
class SizeRows:
    """Where features look up their usual size: default sizes, and entries of the flat table of ratios to go between."""

    default: Tensor
    below: Tensor
    above: Tensor
    part: Tensor

    @lru_cache(maxsize=256)  # noqa: B019
    def to(self, device: torch.device) -> "SizeRows":
        """The same on a device."""
        return SizeRows(*(value.to(device) for value in (self.default, self.below, self.above, self.part)))


@lru_cache(maxsize=256)
def edge_rows(topo: Topology, knots: int) -> SizeRows:
    """For every block and link of a topology ``[blocks + links, 1]``; links have size one."""
    found = _tensor_rows(topo.space, knots)
    rows = [found[block.tensor] for block in topo.blocks]
    rows += [_ONE] * (len(topo.edge_features) - len(topo.blocks))
    return _rows(rows, (len(rows), 1))


@lru_cache(maxsize=256)
def node_rows(topo: Topology, knots: int, layout: Layout) -> SizeRows:
    """For every column of the nodes of every site ``[sites, columns]``."""
    found, rows = _tensor_rows(topo.space, knots), [[_ONE] * layout.node for _ in topo.space.sites]
    for vector in topo.vectors:
        start = layout.slot(vector.slot) + vector.column
        site = int(topo.node_type[vector.nodes[0]])
        rows[site][start : start + vector.width] = [found[vector.tensor]] * vector.width
    return _rows([entry for row in rows for entry in row], (len(rows), layout.node))


_ONE = (1.0, -1, -1, 0.0)


def _rows(rows: list[tuple[float, int, int, float]], shape: tuple[int, int]) -> SizeRows:
    default, below, above, part = zip(*rows, strict=True)
    return SizeRows(
        torch.tensor(default).reshape(shape),
        torch.tensor(below).reshape(shape),
        torch.tensor(above).reshape(shape),
        torch.tensor(part).reshape(shape),
    )


def _tensor_rows(space: WeightSpace, knots: int) -> dict[str, tuple[float, int, int, float]]:
    found = {}
    for row, role in enumerate(ROLES):
        for name, place in zip(*tensor_places(space, role), strict=True):
            below = min(int(place * (knots - 1)), max(knots - 2, 0))
            above = min(below + 1, knots - 1)
            part = place * (knots - 1) - below
            found[name] = (default_size(space, name), row * knots + below, row * knots + above, part)
    return found


def default_size(space: WeightSpace, name: str) -> float:
    """``1 / sqrt(fan-in)`` for weights, 1 for others."""
    return fan_in(space, name) ** -0.5 if slot_of(space, name) == "weight" else 1.0


def fan_in(space: WeightSpace, name: str) -> int:
    """How many entries of a weight feed one target neuron."""
    spec = space.tensors[name]
    return max(prod([axis.size or 1 for dim, axis in enumerate(spec.axes) if dim not in spec.target]), 1)
