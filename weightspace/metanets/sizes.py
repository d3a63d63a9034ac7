"""The usual size of every tensor, by what it is for and how deep it lies, so that unseen architectures have one too."""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor, nn

from weightspace.graphs import Layout, Topology
from weightspace.metanets.depths import knot_weights, slot_of, tensor_places
from weightspace.metanets.frame import Edges, Frame
from weightspace.metanets.scaling import usual_size
from weightspace.space import WeightSpace

ROLES = ("weight", "bias", "scale", "shift", "mean", "var", "other")


class SharedSizes(nn.Module):
    r"""Divides each tensor by its usual root mean square and compresses large values, $\operatorname{asinh}(w/s)$.

    $s = r / \sqrt{\text{fan-in}}$ for weights and $s = r$ for vectors, where $r$ depends on what the tensor is for and
    on its relative depth alone: a table over knots, fitted to the training nets. So nets of other widths and depths
    are scaled like those that were seen.

    Args:
        layout: the columns that the metanet reads. knots: of relative depth.
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

    def of(self, space: WeightSpace) -> dict[str, Tensor]:
        """The usual size of every floating tensor of a space."""
        found = {}
        for row, role in enumerate(ROLES):
            names, places = tensor_places(space, role)
            for name, place in zip(names, places, strict=True):
                below = min(int(place * (self.knots - 1)), max(self.knots - 2, 0))
                part = place * (self.knots - 1) - below
                pair = self.ratio[row, below], self.ratio[row, min(below + 1, self.knots - 1)]
                found[name] = default_size(space, name) * (pair[0] + part * (pair[1] - pair[0])).exp()
        return found

    def edge_sizes(self, frame: Frame, edges: Edges) -> Tensor:
        """The usual size of the features of a group of edges, to broadcast."""
        return frame.at_edges([self._edge_table(topo).to(frame.x) for topo in frame.topologies], edges)

    def node_sizes(self, frame: Frame) -> Tensor:
        """The usual size of every feature of the nodes, to broadcast."""
        return frame.at_nodes([self._node_table(topo).to(frame.x) for topo in frame.topologies])

    def _edge_table(self, topo: Topology) -> Tensor:
        sizes, table = self.of(topo.space), torch.ones(len(topo.edge_features), 1, device=self.ratio.device)
        for row, block in enumerate(topo.blocks):
            table[row] = sizes[block.tensor]
        return table

    def _node_table(self, topo: Topology) -> Tensor:
        sizes, layout = self.of(topo.space), self.layout
        table = torch.ones(len(topo.site_features), layout.node, device=self.ratio.device)
        for vector in topo.vectors:
            start = layout.slot(vector.slot) + vector.column
            table[topo.node_type[vector.nodes[0]], start : start + vector.width] = sizes[vector.tensor]
        return table


def default_size(space: WeightSpace, name: str) -> float:
    """``1 / sqrt(fan-in)`` for weights, 1 for others."""
    return fan_in(space, name) ** -0.5 if slot_of(space, name) == "weight" else 1.0


def fan_in(space: WeightSpace, name: str) -> int:
    """How many entries of a weight feed one target neuron."""
    spec = space.tensors[name]
    return max(prod(axis.size or 1 for dim, axis in enumerate(spec.axes) if dim not in spec.target), 1)
