"""Any convolution of PyTorch Geometric as a metanet."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from weightspace.graphs import Layout, topology
from weightspace.metanets.frames.frame import Frame
from weightspace.metanets.frames.sparse import SparseFrame
from weightspace.metanets.graphnet import CompressingGraphNet, GraphNetConfig
from weightspace.metanets.layers.message import EdgeEmbedding, NodeEmbedding
from weightspace.space import WeightSpace

CONVS = {
    "GINEConv": "edge_attr",
    "GPSConv": "edge_attr",
    "PNAConv": "edge_attr",
    "NNConv": "edge_attr",
    "GATConv": "edge_attr",
    "GATv2Conv": "edge_attr",
    "TransformerConv": "edge_attr",
    "GENConv": "edge_attr",
    "ResGatedGraphConv": "edge_attr",
    "GeneralConv": "edge_attr",
    "GCNConv": "edge_weight",
    "GraphConv": "edge_weight",
    "SAGEConv": None,
}
"""The convolutions by name, and what their ``forward`` takes of an edge: a vector, a number, or nothing."""


@dataclass(frozen=True)
class PyGMetanetConfig(GraphNetConfig):
    """Configuration of `PyGMetanet`.

    Args:
        conv: name of a class of ``torch_geometric.nn``, one of `CONVS`; ``"GINE"`` stands for ``"GINEConv"``.
        options: keyword arguments of that class, JSON values.
    """

    conv: str = "GINEConv"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.conv not in CONVS and f"{self.conv}Conv" not in CONVS:
            raise ValueError(f"conv must be a convolution of PyTorch Geometric, {', '.join(CONVS)}; got {self.conv!r}.")


class PyGMetanet(CompressingGraphNet):
    """Rounds of a PyTorch Geometric convolution by name, edges both ways: for people who bring their own.

    Equivariant to permutations of neurons if the convolution is equivariant to permutations of nodes. Convolutions that
    read a number of an edge get a positive one that is learned; to those that read none, and to them, every node
    brings the mean of its edges. Runs on edge lists, so it is slower than the metanets that are made for dense blocks.
    """

    Config = PyGMetanetConfig
    dense = False

    def __init__(self, config: PyGMetanetConfig):
        super().__init__(config)
        width = config.width
        name = config.conv if config.conv in CONVS else f"{config.conv}Conv"
        self.reads = CONVS[name]
        self.embed = NodeEmbedding(self.layout.node, width)
        self.forth, self.back = EdgeEmbedding(self.layout, width), EdgeEmbedding(self.layout, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.layers))
        degrees = degree_histogram(self.spaces, self.layout)
        self.rounds = nn.ModuleList(_make(name, width, dict(config.options), degrees) for _ in range(config.layers))
        if self.reads != "edge_attr":
            self.gathered = nn.Linear(2 * width, width)
        if self.reads == "edge_weight":
            self.weigh = nn.Linear(width, 1)
        self.add_head(config)

    def pass_messages(self, frame: Frame, nodes: Tensor, edges: list[Tensor]) -> Tensor:
        assert isinstance(frame, SparseFrame), "dense is False."
        h, group = self.embed(frame, nodes), frame.edges[0]
        index = torch.stack([frame.source, frame.target])
        index = torch.cat([index, index.flip(0)], 1)
        features = torch.cat([self.forth(frame, group, edges[0]), self.back(frame, group, edges[0])])
        given = {}
        if self.reads != "edge_attr":
            h = h + self.gathered(torch.cat([_mean(part.relu(), index, len(h)) for part in (features, -features)], 1))
        if self.reads == "edge_attr":
            given = {"edge_attr": features}
        elif self.reads == "edge_weight":
            given = {"edge_weight": nn.functional.softplus(self.weigh(features)).squeeze(1)}
        for conv, norm in zip(self.rounds, self.norms, strict=True):
            h = h + conv(norm(h), index, **given).relu()
        return h


def degree_histogram(spaces: tuple[WeightSpace, ...], layout: Layout) -> Tensor:
    """How many neurons of these architectures have 0, 1, 2, ... edges, both ways; what PNA scales by."""
    counts = []
    for space in spaces:
        topo = topology(space, layout)
        counts.append(torch.bincount(topo.edge_index.flatten(), minlength=topo.nodes))
    return torch.bincount(torch.cat(counts))


def _make(name: str, width: int, options: dict[str, Any], degrees: Tensor) -> nn.Module:
    perceptron = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    kind = _plain(name)
    if name == "GINEConv":
        return kind(perceptron, edge_dim=width, **options)
    if name == "GPSConv":
        return kind(width, _plain("GINEConv")(perceptron, edge_dim=width), **{"heads": 4, "norm": None, **options})
    if name == "PNAConv":
        gathered = {"aggregators": ["mean", "max", "min", "std"], "scalers": ["identity", "amplification"]}
        return kind(width, width, edge_dim=width, **{**gathered, "deg": degrees, **options})
    if name == "NNConv":
        return kind(width, width, nn.Linear(width, width * width), **{"aggr": "mean", **options})
    if name == "GeneralConv":
        return kind(width, width, in_edge_channels=width, **options)
    edges = {"edge_dim": width} if CONVS[name] == "edge_attr" else {}
    return kind(width, width, **edges, **options)


@functools.cache
def _plain(name: str) -> type[nn.Module]:
    """A convolution whose messages are not compiled from a template.

    PyTorch Geometric writes such code into the folder for temporary files, where others may write too, and runs it from
    there, unless a class has methods of its own.
    """
    kind = getattr(pyg, name)
    if not issubclass(kind, pyg.MessagePassing):
        return kind

    def propagate(self: Any, *args: Any, **given: Any) -> Any:
        return kind.propagate(self, *args, **given)

    def edge_updater(self: Any, *args: Any, **given: Any) -> Any:
        return kind.edge_updater(self, *args, **given)

    return type(name, (kind,), {"propagate": propagate, "edge_updater": edge_updater})


def _mean(features: Tensor, index: Tensor, nodes: int) -> Tensor:
    total = features.new_zeros(nodes, features.shape[1]).index_add(0, index[1], features)
    count = features.new_zeros(nodes).index_add(0, index[1], features.new_ones(index.shape[1]))
    return total / count.clamp(min=1)[:, None]
