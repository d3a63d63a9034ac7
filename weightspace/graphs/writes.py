"""Where the entries of vectors are written in the node features of a graph; worked out once for a topology."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.graphs.rows import run_of
from weightspace.graphs.structure.blocks import VectorBlock
from weightspace.graphs.structure.layout import Layout
from weightspace.graphs.structure.topology import Topology


@dataclass(frozen=True, eq=False)
class Write:
    """One vector, or a part of it, on its way to rows and columns of ``x``.

    Attributes:
        vector: what is written.
        rows: its nodes, a slice where they are neighbours.
        columns: likewise.
    """

    vector: VectorBlock
    rows: slice | Tensor
    columns: slice | list[int]

    def put(self, table: Tensor, tensor: Tensor) -> None:
        """Write a stacked tensor into the table ``[nets, nodes, columns]``."""
        values = self.vector.entries.read(tensor.reshape(len(tensor), -1))
        rows = self.rows
        if isinstance(rows, slice):
            table[:, rows, self.columns] = values
        else:
            table[:, rows.to(table.device)[:, None], _numbers(self.columns)] = values

    def take(self, table: Tensor) -> Tensor:
        """The values ``[nets, nodes, width]`` that stand in the table."""
        rows = self.rows if isinstance(self.rows, slice) else self.rows.to(table.device)
        return table[:, rows][..., self.columns]


@lru_cache(maxsize=256)
def node_writes(topo: Topology) -> tuple[Write, ...]:
    """What is written into ``x``."""
    return tuple(Write(v, _rows(v.nodes), run_of(node_columns(topo.layout, v))) for v in topo.vectors)


def node_table(
    topo: Topology, stack: Mapping[str, Tensor], nets: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """``x`` ``[nets, nodes, columns]`` of stacked tensors, zero where nothing is written."""
    table = torch.zeros(nets, topo.nodes, topo.layout.node, dtype=dtype, device=device)
    for write in node_writes(topo):
        write.put(table, stack[write.vector.tensor])
    return table


def node_columns(layout: Layout, vector: VectorBlock) -> tuple[int, ...]:
    """The columns of ``x`` that a vector fills."""
    start = layout.slot(vector.slot) + vector.column
    return tuple(range(start, start + vector.width))


def _rows(nodes: Tensor) -> slice | Tensor:
    first = int(nodes[0])
    together = torch.equal(nodes, torch.arange(first, first + nodes.numel()))
    return slice(first, first + nodes.numel()) if together else nodes


def _numbers(columns: slice | list[int]) -> list[int]:
    return list(range(columns.start, columns.stop)) if isinstance(columns, slice) else columns
