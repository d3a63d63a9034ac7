"""The features of edges as they are stored, without padding, and as rows of one width where something reads those."""

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs.lazy import Deferred, LazyMapping
from weightspace.graphs.structure.topology import Topology


class EdgeRows(Deferred):
    """The weights on the edges of stacked nets, block after block; ``edge_attr`` is made of them when it is first read.

    Kernels of several sizes would be padded to the largest one there: a ResNet-18 would take nine times its weights.

    Args:
        topo: of all nets.
        values: ``[nets, weights on edges]``.
    """

    def __init__(self, topo: Topology, values: Shaped[Tensor, "nets weights"]):
        super().__init__(self._padded)
        self.topo, self.values = topo, values

    def blocks(self) -> list[Tensor]:
        """The features of each block, ``[nets, edges, width]``."""
        blocks = self.topo.blocks
        parts = self.values.split([block.entries.numel for block in blocks], 1)
        return [part.unflatten(1, (block.edges, block.width)) for part, block in zip(parts, blocks, strict=True)]

    def _padded(self) -> Tensor:
        topo, nets = self.topo, len(self.values)
        if is_plain(topo):
            return self.values.reshape(nets * topo.edges, topo.layout.edge)
        table = self.values.new_zeros(nets, topo.edges, topo.layout.edge)
        for block, part in zip(topo.blocks, self.blocks(), strict=True):
            columns = topo.layout.edge_columns(block.width, block.kernel)
            table[:, block.start : block.start + block.edges, run_of(columns)] = part
        return table.flatten(0, 1)


def is_plain(topo: Topology) -> bool:
    """Whether rows need no padding: every edge has as many features, and no link is an edge too."""
    return not topo.space.links and all(block.width == topo.layout.edge for block in topo.blocks)


def stored_rows(graph: Data | Batch) -> EdgeRows | None:
    """The stored weights of a graph's edges, or None once its ``edge_attr`` has been read or set."""
    mapping = graph._store._mapping
    found = dict.get(mapping, "edge_attr") if isinstance(mapping, LazyMapping) else None
    return found if isinstance(found, EdgeRows) else None


def edge_parts(graph: Data | Batch, topo: Topology, nets: int) -> list[Tensor]:
    """The features of each block of edges, without padding, ``[nets, edges, width]`` each.

    Raises:
        ValueError: the graph has another number of edges than the topology.
    """
    stored = stored_rows(graph)
    if stored is not None and len(stored.values) == nets and stored.topo.edges == topo.edges:
        return stored.blocks()
    attr = graph.edge_attr
    if attr.shape[0] != nets * topo.edges:
        raise ValueError(
            f"{nets} graphs of this space have {nets * topo.edges} edges, got {attr.shape[0]}. A graph with changed "
            "edges has no weights."
        )
    return unpadded(topo, attr.reshape(nets, topo.edges, attr.shape[-1]))


def unpadded(topo: Topology, rows: Shaped[Tensor, "nets edges columns"]) -> list[Tensor]:
    """The features of each block of edges, ``[nets, edges, width]``, in rows of ``edge_attr``."""
    found = []
    for block in topo.blocks:
        columns = topo.layout.edge_columns(block.width, block.kernel)
        found.append(rows[:, block.start : block.start + block.edges, run_of(columns)])
    return found


def edge_values(graph: Data | Batch) -> Tensor:
    """All weights on the edges of a graph or a batch in one tensor: stored ones as they are, else ``edge_attr``."""
    stored = stored_rows(graph)
    return graph.edge_attr if stored is None else stored.values


def run_of(columns: tuple[int, ...]) -> slice | list[int]:
    """Columns as a slice where they are neighbours."""
    if not columns:
        return slice(0, 0)
    together = columns == tuple(range(columns[0], columns[-1] + 1))
    return slice(columns[0], columns[-1] + 1) if together else list(columns)


def joined(parts: Sequence[Tensor], nets: int, dtype: torch.dtype, device: torch.device) -> Shaped[Tensor, "nets all"]:
    """Parts ``[nets, ...]`` side by side."""
    if not parts:
        return torch.empty(nets, 0, dtype=dtype, device=device)
    return torch.cat([part.reshape(nets, -1) for part in parts], 1)
