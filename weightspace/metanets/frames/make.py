"""The frame of a batch: dense where all nets have one skeleton, else sparse."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, Topology, edge_values, from_graph, skeleton, topology
from weightspace.graphs.rows import stored_rows
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.sparse import SparseFrame
from weightspace.metanets.frames.uncompiled import uncompiled
from weightspace.space import WeightSpace


@uncompiled  # Python over spaces; what follows it is compiled
def make_frame(graph: Data | Batch, layout: Layout, dense: bool | None = None) -> Frame:
    """The frame of a batch: dense where all nets have one skeleton, else sparse.

    Args:
        graph: what `to_graph` gives, or PyG's collation of it.
        layout: the columns that a metanet reads.
        dense: False forces edge lists.

    Raises:
        ValueError: a weight is NaN or infinite, or the batch has another layout where edge lists are needed.
    """
    check_finite(graph)
    topologies, which = _topologies(graph)
    whole = stored_rows(graph) is not None or graph.edge_attr.shape[0] == topologies[0].edges * len(which)
    if _alike(topologies) and whole and dense is not False:
        return DenseFrame(graph, topologies, which, layout)
    if topologies[0].layout != layout:  # edge lists lie in the columns of one layout
        raise ValueError(
            f"Graphs of several architectures need the layout of the metanet, {layout}, got {topologies[0].layout}. "
            "Make them with metanet.graph(space, weights)."
        )
    return SparseFrame(graph, topologies, which, layout)


@uncompiled
def make_dense(graph: Data | Batch, layout: Layout) -> DenseFrame:
    """The frame of a batch of one skeleton whose weights are finite; see `make_frame`.

    Raises:
        ValueError: the batch holds several skeletons; split it with `by_skeleton`.
    """
    topologies, which = _topologies(graph)
    if not _alike(topologies):
        raise ValueError(
            "A dense frame must be made of nets of one architecture, got several. Split with by_skeleton()."
        )
    return DenseFrame(graph, topologies, which, layout)


@uncompiled
def check_finite(graph: Data | Batch, places: Tensor | None = None) -> None:
    """See that all weights are finite.

    Args:
        graph: the nets. places: where they lie in the batch that came, if they are one architecture of a mixed one.

    Raises:
        ValueError: some weight isn't; names net and tensor.
    """
    held = (graph["x"], edge_values(graph), graph["other"])
    if held[0].is_meta:  # shapes without values
        return
    ends = [torch.stack(tensor.detach().aminmax()) for tensor in held if tensor.numel()]
    if not ends or bool(torch.isfinite(torch.cat(ends)).all()):  # NaN is both smallest and largest; asked once
        return
    graphs = graph.to_data_list() if isinstance(graph, Batch) else [graph]
    for number, one in enumerate(graphs):
        for name, tensor in from_graph(one).items():
            if not torch.isfinite(tensor).all():
                place = number if places is None else int(places[number])
                raise ValueError(f"Weights must be finite; {name!r} of net {place} of the batch isn't.")


def _alike(topologies: tuple[Topology, ...]) -> bool:
    return len({skeleton(topo.space) for topo in topologies}) == 1


def _topologies(graph: Data | Batch) -> tuple[tuple[Topology, ...], Tensor]:
    """The distinct topologies of a graph, and for each net which one it has."""
    spaces, layouts = (graph.space, graph.layout) if isinstance(graph, Batch) else ([graph.space], [graph.layout])
    distinct, which = _distinct(spaces)
    return tuple(topology(space, layouts[0]) for space in distinct), which


def _distinct(spaces: list[WeightSpace]) -> tuple[list[WeightSpace], Tensor]:
    by_identity: dict[int, int] = {}
    found: list[WeightSpace] = []
    which = []
    for space in spaces:
        if id(space) not in by_identity:
            if space not in found:
                found.append(space)
            by_identity[id(space)] = found.index(space)
        which.append(by_identity[id(space)])
    return found, torch.tensor(which)
