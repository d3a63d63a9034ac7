"""Weights to graphs and back, exactly, for one net or a stack of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs.batch import single_graph, stacked_batch
from weightspace.graphs.rows import edge_parts, joined
from weightspace.graphs.structure.entries import Entries
from weightspace.graphs.structure.layout import Layout
from weightspace.graphs.structure.skeleton import skeleton
from weightspace.graphs.structure.topology import Topology, topology
from weightspace.graphs.writes import node_table, node_writes
from weightspace.space import WeightSpace


def to_graph(space: WeightSpace, weights: Mapping[str, Tensor], layout: Layout | None = None) -> Data | Batch:
    """The graph of one net, or the batch of graphs of a stack of nets.

    A node is a neuron at a site, an edge the entries of a weight tensor that join two neurons. Vectors (bias, scale,
    shift, mean, var) are features of the nodes of their site, kernel entries are features of an edge. The structure
    comes from the space alone, so a weight that is zero is an edge. `from_graph` is the exact inverse.

    The edges of a tensor lie one after the other, a target's sources together: in a batch of one space
    ``edge_attr.view(nets, edges, -1)[:, block.start : block.start + block.edges]`` views as ``[nets, out, in, d]``.
    What is stored are the weights alone: edge lists, and rows of ``edge_attr`` in which small kernels are padded to the
    largest, are computed when they are first read. `edge_parts` gives the blocks without that.

    Args:
        space: the weight space of the nets.
        weights: tensors by name; for N nets each with a leading axis N.
        layout: the columns of ``x`` and ``edge_attr``; left out, the narrowest for this space. Graphs of several
            spaces that shall go into one batch need one layout: ``Layout.of(*spaces)``.

    Returns:
        A graph with ``x`` ``[nodes, columns]``, ``edge_index``, ``edge_attr`` ``[edges, columns]``, ``node_type``
        (number of the site), ``edge_type`` (number of the block, see `Topology`), ``other`` and ``other_int`` (what
        belongs to no neuron), ``space`` and ``layout``. For a stack a `Batch` of them.

    Raises:
        ValueError: the weights don't fit the space, aren't all of one floating type and device, or are of no net.

    Example::

        graph = to_graph(space, net.state_dict())
        assert all(torch.equal(new, net.state_dict()[name]) for name, new in from_graph(graph).items())
    """
    count = _count(space, weights)
    if count == 0:
        raise ValueError("A stack must hold at least one net, got none. Choose nets first.")
    topo = topology(space, layout)
    dtype, device = _kind(space, weights)
    stack = {name: weights[name] if count is not None else weights[name][None] for name in space.tensors}
    nets = 1 if count is None else count
    x = node_table(topo, stack, nets, dtype, device)
    edges = joined([block.entries.read(_flat(stack[block.tensor])) for block in topo.blocks], nets, dtype, device)
    other = joined([stack[name].to(dtype) for name in topo.floats], nets, dtype, device)
    other_int = joined([stack[name].to(torch.long) for name in topo.integers], nets, torch.long, device)
    made = single_graph if count is None else stacked_batch
    return made(topo, x, edges, other, other_int)


@torch.compiler.disable  # Python over spaces
def from_graph(graph: Data | Batch) -> dict[str, Tensor]:
    """The weights of a graph, or of a batch of graphs of one architecture; the exact inverse of `to_graph`.

    Gradients pass, so that a metanet's output on nodes and edges becomes a change for every weight.

    Raises:
        ValueError: the batch holds graphs of several architectures, or edges were added or taken away.
    """
    space, layout = one_skeleton(graph)
    topo = topology(space, layout)
    single = not isinstance(graph, Batch)
    nets = 1 if single else graph.num_graphs
    if graph.x.shape[0] != nets * topo.nodes:
        raise ValueError(
            f"{nets} graphs of this space have {nets * topo.nodes} nodes, got {graph.x.shape[0]}. A graph with changed "
            "nodes has no weights."
        )
    x = graph.x.reshape(nets, topo.nodes, graph.x.shape[-1])
    weights = read_tensors(topo, x, edge_parts(graph, topo, nets))
    weights |= _split(space, topo.floats, graph.other.reshape(nets, -1))
    weights |= _split(space, topo.integers, graph.other_int.reshape(nets, -1))
    return {name: weights[name][0] if single else weights[name] for name in space.tensors}


def one_skeleton(graph: Data | Batch) -> tuple[WeightSpace, Layout]:
    """The space and layout of the first graph of a batch, whose graphs may differ in activations only.

    Raises:
        ValueError: the graphs have other tensors or sites than the first.
    """
    if not isinstance(graph, Batch):
        return graph.space, graph.layout
    first = graph.space[0]
    if any(space is not first and skeleton(space) != skeleton(first) for space in graph.space):
        hashes = sorted({space.hash for space in graph.space})
        raise ValueError(f"One architecture is needed, got a batch of {len(hashes)}: {hashes}. Use to_data_list().")
    return first, graph.layout[0]


def read_tensors(topo: Topology, x: Tensor, edges: Sequence[Tensor]) -> dict[str, Tensor]:
    """The tensors that ``x`` ``[nets, nodes, columns]`` and blocks of edges, ``[nets, edges, width]`` each, hold."""
    parts: dict[str, list[tuple[Entries, Tensor]]] = {}
    for block, values in zip(topo.blocks, edges, strict=True):
        parts.setdefault(block.tensor, []).append((block.entries, values))
    for write in node_writes(topo):
        parts.setdefault(write.vector.tensor, []).append((write.vector.entries, write.take(x)))
    return {name: _gather(found, topo.space.tensors[name].shape) for name, found in parts.items()}


def _gather(found: list[tuple[Entries, Tensor]], shape: tuple[int, ...]) -> Tensor:
    entries, values = found[0]
    nets, numel = len(values), prod(shape)
    if len(found) == 1 and entries.run and entries.numel == numel:
        return values.reshape(nets, *shape)
    flat = values.new_empty(nets, numel)
    for entries, values in found:
        entries.write(flat, values)
    return flat.reshape(nets, *shape)


def _flat(tensor: Tensor) -> Tensor:
    return tensor.reshape(len(tensor), -1)


def _split(space: WeightSpace, names: tuple[str, ...], values: Tensor) -> dict[str, Tensor]:
    found, start = {}, 0
    for name in names:
        spec = space.tensors[name]
        part = values[:, start : start + spec.numel].reshape(len(values), *spec.shape)
        found[name] = part if part.is_floating_point() else part.to(getattr(torch, spec.dtype))
        start += spec.numel
    return found


def _count(space: WeightSpace, weights: Mapping[str, Tensor]) -> int | None:
    """What `WeightSpace.check` gives, which is asked only where the shapes aren't plainly those of the space."""
    expected = _shapes(space)
    if expected and weights.keys() == expected.keys():
        shapes = {name: weights[name].shape for name in expected}
        if shapes == expected:
            return None
        lead = next(iter(shapes.values()))[:1]
        if lead and all(shapes[name] == (*lead, *shape) for name, shape in expected.items()):
            return lead[0]
    return space.check(weights)


@lru_cache(maxsize=1024)
def _shapes(space: WeightSpace) -> dict[str, tuple[int | None, ...]]:
    return {name: spec.shape for name, spec in space.tensors.items()}


def _kind(space: WeightSpace, weights: Mapping[str, Tensor]) -> tuple[torch.dtype, torch.device]:
    kinds = {name: (weights[name].dtype, weights[name].device) for name in space.tensors}
    floating = {name: kind for name, kind in kinds.items() if kind[0].is_floating_point}
    if len(floating) < len(kinds):
        for name, (dtype, _) in kinds.items():
            if dtype.is_complex:
                raise ValueError(f"Weights have to be real, got {name!r} of {dtype}. Store its real view.")
    if not floating:
        return torch.float32, torch.device("cpu")
    first, kind = next(iter(floating.items()))
    if len(set(floating.values())) > 1:
        name, other = next((name, other) for name, other in floating.items() if other != kind)
        raise ValueError(
            f"All weights need one floating type and one device, got {first!r} with {kind[0]} on {kind[1]} and "
            f"{name!r} with {other[0]} on {other[1]}. Convert them first."
        )
    return kind
