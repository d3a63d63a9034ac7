"""Where the entries of each tensor are written in the feature columns of a graph; worked out once for a topology."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.graphs.blocks import EdgeBlock, VectorBlock
from weightspace.graphs.layout import Layout
from weightspace.graphs.topology import Topology


@dataclass(frozen=True, eq=False)
class Write:
    """One tensor, or a part of it, on its way to rows and columns of a graph's features.

    Attributes:
        tensor: its name.
        order: places in the flattened tensor, row by row; None where the rows lie in the tensor's own order.
        rows: nodes, or edges.
        columns: a run of columns, or a list of them.
        width: number of columns.
    """

    tensor: str
    order: Tensor | None
    rows: slice
    columns: slice | list[int]
    width: int

    def read(self, tensor: Tensor) -> Tensor:
        """The rows ``[nets, rows, width]`` of a stacked tensor."""
        flat = tensor.reshape(tensor.shape[0], -1)
        if self.order is not None:
            flat = flat[:, self.order.to(flat.device)]
        return flat.view(tensor.shape[0], -1, self.width)


@dataclass(frozen=True)
class Writes:
    """All that is written into one table of features, ``x`` or ``edge_attr``.

    Attributes:
        rows: nodes or edges. columns: of the table.
        parts: what is written.
        full: whether the parts fill the table, row after row.
    """

    rows: int
    columns: int
    parts: tuple[Write, ...]
    full: bool

    def table(self, stack: Mapping[str, Tensor], nets: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """The table ``[nets, rows, columns]`` of stacked tensors, zero where nothing is written."""
        if self.full:
            return torch.cat([part.read(stack[part.tensor]) for part in self.parts], 1)
        table = torch.zeros(nets, self.rows, self.columns, dtype=dtype, device=device)
        for part in self.parts:
            table[:, part.rows, part.columns] = part.read(stack[part.tensor])
        return table


@lru_cache(maxsize=256)
def node_writes(topo: Topology) -> Writes:
    """What is written into ``x``."""
    parts = []
    for vector in topo.vectors:
        first, last = int(vector.nodes[0]), int(vector.nodes[-1])
        if last - first + 1 != vector.nodes.numel():
            axes = " ".join(map(str, topo.space.tensors[vector.tensor].axes))
            raise ValueError(
                f"Tensor {vector.tensor!r} with axes '{axes}' can't be put on a graph: each term of a sum must be one "
                "run of entries. Write the sum outside of the product."
            )
        columns = _run(node_columns(topo.layout, vector))
        parts.append(Write(vector.tensor, _order(topo, vector), slice(first, last + 1), columns, vector.width))
    return Writes(topo.nodes, topo.layout.node, tuple(parts), False)


@lru_cache(maxsize=256)
def edge_writes(topo: Topology) -> Writes:
    """What is written into ``edge_attr``."""
    parts = []
    for block in topo.blocks:
        columns = _run(topo.layout.edge_columns(block.width, block.kernel))
        rows = slice(block.start, block.start + block.edges)
        parts.append(Write(block.tensor, _order(topo, block), rows, columns, block.width))
    full = bool(parts) and not topo.space.links and all(part.width == topo.layout.edge for part in parts)
    return Writes(topo.edges, topo.layout.edge, tuple(parts), full)


def node_columns(layout: Layout, vector: VectorBlock) -> tuple[int, ...]:
    """The columns of ``x`` that a vector fills."""
    start = layout.slot(vector.slot) + vector.column
    return tuple(range(start, start + vector.width))


def _order(topo: Topology, block: EdgeBlock | VectorBlock) -> Tensor | None:
    whole = block.entries.numel() == topo.space.tensors[block.tensor].numel
    return None if block.ordered and whole else block.entries.flatten()


def _run(columns: Sequence[int]) -> slice | list[int]:
    together = list(columns) == list(range(columns[0], columns[-1] + 1))
    return slice(columns[0], columns[-1] + 1) if together else list(columns)
