"""A PyG batch of N graphs of one space, made without looking at the nets one by one."""

import copy
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor
from torch_geometric.data import Batch

from weightspace.graphs.graph import WeightGraph
from weightspace.graphs.lazy import Deferred, LazyMapping
from weightspace.graphs.rows import EdgeRows, is_plain
from weightspace.graphs.structure.topology import Topology


def single_graph(topo: Topology, x: Tensor, edges: Tensor, other: Tensor, other_int: Tensor) -> WeightGraph:
    """The graph of one net; its edge list and its rows of ``edge_attr`` are computed when they are first read.

    Args:
        topo: its topology. x, edges, other, other_int: as for `stacked_batch`, of one net.
    """
    device = x.device
    mapping = LazyMapping(x=x[0], edge_index=Deferred(lambda: topo.edge_index.to(device)), edge_attr=_attr(topo, edges))
    mapping.update(node_type=topo.node_type.to(device), edge_type=Deferred(lambda: topo.edge_type.to(device)))
    mapping.update(other=other[0], other_int=other_int[0], space=topo.space, layout=topo.layout)
    graph = WeightGraph()
    graph._store._mapping = mapping
    return graph


def stacked_batch(topo: Topology, x: Tensor, edges: Tensor, other: Tensor, other_int: Tensor) -> Batch:
    """The batch that PyG would collate from N graphs, its edge lists and padded rows computed when they are first read.

    Args:
        topo: the topology that all nets share.
        x: ``[nets, nodes, columns]``. edges: the weights on edges, block after block, ``[nets, weights]``.
        other: ``[nets, floats]``. other_int: ``[nets, integers]``.
    """
    nets, device = x.shape[0], x.device
    mapping = LazyMapping(x=x.flatten(0, 1), edge_attr=_attr(topo, edges))
    mapping.update(other=other.flatten(), other_int=other_int.flatten())
    mapping.update(space=[topo.space] * nets, layout=[topo.layout] * nets)
    for key, make in _deferred(topo, nets, device).items():
        mapping[key] = Deferred(make)
    steps = {"x": topo.nodes, "node_type": topo.nodes, "edge_index": topo.edges, "edge_attr": topo.edges}
    steps |= {"edge_type": topo.edges, "other": other.shape[1], "other_int": other_int.shape[1]}
    return batch_over(mapping, steps)


def _attr(topo: Topology, edges: Tensor) -> Tensor | EdgeRows:
    rows = EdgeRows(topo, edges)
    return rows.make() if is_plain(topo) else rows


def batch_over(mapping: LazyMapping, steps: Mapping[str, int | Callable[[], Tensor]]) -> Batch:
    """A PyG batch with these values.

    Args:
        mapping: values by name; ``space`` is a list of a space for each net.
        steps: for each tensor how many rows each net has in it: a number, or what gives ``[nets]`` when it is asked.
    """
    batch = copy.copy(_EMPTY[0])
    nets = len(mapping["space"])
    slices, shifts = LazyMapping(), LazyMapping()
    for key, step in steps.items():
        slices[key] = Deferred(partial(_counted, step, nets))
        shifts[key] = Deferred(partial(torch.zeros, nets, dtype=torch.long))
    for key in ("space", "layout"):
        slices[key], shifts[key] = Deferred(partial(_counted, 1, nets)), None
    shifts["edge_index"] = Deferred(lambda: _counted(steps["x"], nets)[:-1])
    batch._store._mapping, batch._num_graphs = mapping, nets
    batch._slice_dict, batch._inc_dict = slices, shifts
    return batch


_EMPTY = (Batch(_base_cls=WeightGraph),)
"""PyG makes two classes for every empty batch; a copy of one takes a twentieth of the time."""


def _counted(step: int | Callable[[], Tensor], nets: int) -> Tensor:
    if isinstance(step, int):
        return torch.arange(nets + 1) * step
    return torch.cat([torch.zeros(1, dtype=torch.long), step().cumsum(0)])


def _deferred(topo: Topology, nets: int, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    def edge_index() -> Tensor:
        offsets = torch.arange(nets, device=device)[None, :, None] * topo.nodes
        return (topo.edge_index.to(device)[:, None] + offsets).flatten(1)

    return {
        "edge_index": edge_index,
        "node_type": lambda: topo.node_type.to(device).repeat(nets),
        "edge_type": lambda: topo.edge_type.to(device).repeat(nets),
        "batch": lambda: torch.arange(nets, device=device).repeat_interleave(topo.nodes),
        "ptr": lambda: torch.arange(nets + 1, device=device) * topo.nodes,
    }
