"""A change for every weight from features of neurons that may change sign."""

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges
from weightspace.metanets.inputs.signs import Signs

FIRST = 0.1
"""Changes begin at about this times the usual size of their tensor."""


class Changes(nn.Module):
    r"""Equivariant changes of vectors on nodes and of weights on edges, in units of the usual size of their tensor.

    With odd features $x$, even ones $h$ and the old value $e$, both scaled:
    $\Delta e_{ij} = \sum_r U_r (L x_i)_r (R x_j)_r + e_{ij} \sum_r G_r (l(h_i))_r (r(h_j))_r$, where an end at which
    the weight does not flip gives $h$ in place of $x$. Both sums are matrix products. Any multiple of the old weights
    can be said, nothing and the weights themselves among them.

    Args:
        columns: features of an edge.
        nodes: features of a node.
        width: of $x$ and $h$.

    Shapes:
        $x$, $h$ ``[nets, nodes, width]`` and the old values in; changes ``[nets, nodes, columns of a node]`` and, for
        each group of edges, ``[nets, targets, sources, columns]`` out.
    """

    def __init__(self, columns: int, nodes: int, width: int):
        super().__init__()
        self.size = nn.Parameter(torch.tensor(FIRST))
        self.odd_node, self.even_node = nn.Linear(width, nodes, bias=False), nn.Linear(width, nodes)
        self.gate_node = nn.Linear(width, nodes)
        self.odd, self.even = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, 2 * width)
        self.gates = nn.Linear(width, 2 * width)
        self.new = nn.Parameter(torch.randn(columns, width) * width**-0.5)
        self.old = nn.Parameter(torch.randn(columns, width) * width**-0.5)

    def forward(
        self, frame: DenseFrame, signs: Signs, x: Tensor, h: Tensor, old: Tensor, values: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Changes of nodes ``[nets, nodes, columns]`` and of each group of edges ``[nets, targets, sources, columns]``.

        Args:
            frame: the batch. signs: its parities. x, h: odd and even features of the nodes.
            old: scaled vectors on the nodes. values: scaled features of each group of edges, all columns.
        """
        free = 1 - signs.signed
        nodes = (signs.odd + signs.even * free) * self.odd_node(x) + signs.even * self.even_node(h)
        nodes = nodes + old * self.gate_node(h)
        odd_target, odd_source = (self.odd(x) + self.even(h) * free).chunk(2, -1)
        even_target, even_source = self.even(h).chunk(2, -1)
        gate_target, gate_source = self.gates(h).chunk(2, -1)
        edges = []
        for group, value in zip(frame.edges, values, strict=True):
            source, target = signs.edges[group.number]["source"], signs.edges[group.number]["target"]
            flips = signs.edges[group.number]["flips"]
            sound = 1 - (1 - source * target) * flips
            ends = torch.where(target > 0, frame.targets(odd_target, group), frame.targets(even_target, group))
            starts = torch.where(source > 0, frame.sources(odd_source, group), frame.sources(even_source, group))
            columns = list(group.columns)
            new = _products(frame, group, ends, starts, self.new[columns]) * sound
            gate = _products(
                frame, group, frame.targets(gate_target, group), frame.sources(gate_source, group), self.old[columns]
            )
            edges.append(self.size * (new + gate * value))
        return self.size * nodes, edges


def _products(frame: DenseFrame, group: Edges, targets: Tensor, sources: Tensor, columns: Tensor) -> Tensor:
    """``[nets, targets, sources, columns]``: sums over features of target times source times column."""
    if frame.paired(group):
        return (targets * sources) @ columns.T
    many = targets * columns[None, None]
    flat = many.flatten(1, 2) @ sources[:, 0].transpose(1, 2)
    return flat.unflatten(1, many.shape[1:3]).transpose(2, 3)
