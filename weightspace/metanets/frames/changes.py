"""From changes of nodes and edges back to changes of weights."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, topology
from weightspace.graphs.convert import one_skeleton, read_tensors
from weightspace.graphs.rows import unpadded
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.uncompiled import uncompiled


def all_columns(values: Tensor, columns: tuple[int, ...], width: int) -> Tensor:
    """Values ``[..., columns]`` in their columns of a layout, ``[..., width]``, zero in the others."""
    if len(columns) == width:
        return values
    full = values.new_zeros(*values.shape[:-1], width)
    full[..., list(columns)] = values
    return full


@uncompiled  # Python over spaces
def read_changes(
    graph: Data | Batch, frame: Frame, layout: Layout, nodes: Tensor, edges: list[Tensor]
) -> dict[str, Tensor]:
    """Changes of nodes ``[..., columns]`` and of groups of edges as changes of weights; zero for what is on neither."""
    space, _ = one_skeleton(graph)
    topo = topology(space, layout)
    rows = torch.cat([edge.reshape(frame.nets, -1, layout.edge) for edge in edges], 1)
    found = read_tensors(topo, nodes.reshape(frame.nets, topo.nodes, nodes.shape[-1]), unpadded(topo, rows))
    for name, spec in space.tensors.items():
        if name not in found:
            found[name] = nodes.new_zeros(frame.nets, *spec.sizes)
    return {name: found[name] if isinstance(graph, Batch) else found[name][0] for name in space.tensors}
