"""Weights on one scale: each tensor divided by its usual size in the training nets, large values compressed."""

import torch
from torch import Tensor, nn

from weightspace.graphs import NODE_SLOTS, Layout, Topology, topology
from weightspace.metanets.frames.frame import Edges, Frame
from weightspace.space import WeightSpace


class InputScaling(nn.Module):
    r"""Divides every tensor by its usual root mean square $s$ and compresses what remains large.

    $w \mapsto \operatorname{asinh}(w / s)$: the identity for ordinary weights, a signed logarithm for extreme ones, so
    that a net that diverged neither overflows nor drowns the others. Before `fit`, $s$ is $1/\sqrt{\text{fan-in}}$ for
    weights and one for vectors. The scales are buffers and are saved with the metanet.

    Args:
        spaces: the spaces whose nets will come; others are scaled by fan-in.
        layout: the columns that the metanet reads.
    """

    def __init__(self, spaces: tuple[WeightSpace, ...], layout: Layout):
        super().__init__()
        self.layout = layout
        self.keys = {space.hash: number for number, space in enumerate(spaces)}
        for number, space in enumerate(spaces):
            edge, node = _default_scales(topology(space, layout))
            self.register_buffer(f"edge_{number}", edge)
            self.register_buffer(f"node_{number}", node)

    def fit(self, space: WeightSpace, weights: dict[str, Tensor]) -> None:
        """Set the scales of one space to the median over training nets of each tensor's root mean square."""
        topo, number = topology(space, self.layout), self.keys[space.hash]
        edge, node = _default_scales(topo)
        sizes = {name: usual_size(weights[name]) for name in space.tensors}
        for row, block in enumerate(topo.blocks):
            edge[row] = sizes[block.tensor]
        for vector in topo.vectors:
            start = self.layout.slot(vector.slot) + vector.column
            node[topo.node_type[vector.nodes[0]], start : start + vector.width] = sizes[vector.tensor]
        getattr(self, f"edge_{number}").copy_(edge)
        getattr(self, f"node_{number}").copy_(node)

    def nodes(self, frame: Frame) -> Tensor:
        """The scaled features of the nodes."""
        return torch.asinh(frame.x / self.node_sizes(frame))

    def edges(self, frame: Frame, edges: Edges) -> Tensor:
        """The scaled features of a group of edges."""
        return torch.asinh(edges.values / self.edge_sizes(frame, edges))

    def node_sizes(self, frame: Frame) -> Tensor:
        """The usual size of every feature of the nodes, to broadcast."""
        return frame.at_nodes(self._tables(frame, "node"))

    def edge_sizes(self, frame: Frame, edges: Edges) -> Tensor:
        """The usual size of the features of a group of edges, to broadcast."""
        return frame.at_edges(self._tables(frame, "edge"), edges)

    def _tables(self, frame: Frame, kind: str) -> list[Tensor]:
        tables = []
        for topo in frame.topologies:
            number = self.keys.get(topo.space.hash)
            table = _default_scales(topo)[kind == "node"] if number is None else getattr(self, f"{kind}_{number}")
            tables.append(table.to(frame.x))
        return tables


def usual_size(tensor: Tensor) -> Tensor:
    """The median over stacked nets of the root mean square of a tensor, kept away from zero."""
    sizes = tensor.flatten(1).double().square().mean(1).sqrt() if tensor.ndim > 1 else tensor.double().abs()
    return sizes.median().clamp(1e-6, 1e6).float()


def _default_scales(topo: Topology) -> tuple[Tensor, Tensor]:
    edge = torch.ones(len(topo.edge_features), 1)
    for row, block in enumerate(topo.blocks):
        edge[row] = (block.sources.shape[1] * block.width) ** -0.5
    node = torch.ones(len(topo.site_features), topo.layout.node)
    assert len(topo.layout.slots) == len(NODE_SLOTS)
    return edge, node
