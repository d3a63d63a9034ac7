"""A PyG batch of N graphs of one space, made without looking at the nets one by one."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Batch

from weightspace.graphs.lazy import Deferred, LazyMapping
from weightspace.graphs.topology import Topology


def stacked_batch(topo: Topology, x: Tensor, edge_attr: Tensor, other: Tensor, other_int: Tensor) -> Batch:
    """The batch that PyG would collate from N graphs, its edge lists computed when they are first read.

    Args:
        topo: the topology that all nets share.
        x: ``[nets, nodes, columns]``. edge_attr: ``[nets, edges, columns]``.
        other: ``[nets, floats]``. other_int: ``[nets, integers]``.
    """
    nets, device = x.shape[0], x.device
    batch = Batch()
    mapping = LazyMapping(x=x.flatten(0, 1), edge_attr=edge_attr.flatten(0, 1))
    mapping.update(other=other.flatten(), other_int=other_int.flatten())
    mapping.update(space=[topo.space] * nets, layout=[topo.layout] * nets)
    for key, make in _deferred(topo, nets, device).items():
        mapping[key] = Deferred(make)
    batch._store._mapping = mapping
    batch._num_graphs = nets
    batch._slice_dict, batch._inc_dict = _slices(topo, nets, other.shape[1], other_int.shape[1])
    return batch


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


def _slices(topo: Topology, nets: int, floats: int, integers: int) -> tuple[dict, dict]:
    steps = {"x": topo.nodes, "node_type": topo.nodes, "edge_index": topo.edges, "edge_attr": topo.edges}
    steps |= {"edge_type": topo.edges, "other": floats, "other_int": integers, "space": 1, "layout": 1}
    counts, zeros = torch.arange(nets + 1), torch.zeros(nets, dtype=torch.long)
    inc = dict.fromkeys(steps, zeros) | {"edge_index": counts[:-1] * topo.nodes, "space": None, "layout": None}
    return {key: counts * step for key, step in steps.items()}, inc
