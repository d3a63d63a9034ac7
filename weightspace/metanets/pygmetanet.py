"""Any convolution of PyTorch Geometric as a metanet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from weightspace.metanets.graphnet import GraphNet, GraphNetConfig, NodeEmbedding
from weightspace.metanets.message import EdgeEmbedding
from weightspace.metanets.sparse import SparseFrame

_EDGE_ARGUMENTS = {"GATv2Conv": "edge_dim", "GATConv": "edge_dim", "TransformerConv": "edge_dim", "GENConv": "edge_dim"}
_EDGE_ARGUMENTS |= {"GINEConv": "edge_dim", "ResGatedGraphConv": "edge_dim", "GeneralConv": "in_edge_channels"}


@dataclass(frozen=True)
class PyGMetanetConfig(GraphNetConfig):
    """Configuration of `PyGMetanet`.

    Args:
        conv: name of a class of ``torch_geometric.nn`` whose ``forward`` takes ``x``, ``edge_index`` and ``edge_attr``.
        options: keyword arguments of that class, JSON values.
    """

    conv: str = "GINEConv"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.conv not in _EDGE_ARGUMENTS and self.conv not in ("PNAConv", "GPSConv", "NNConv"):
            known = ", ".join(sorted([*_EDGE_ARGUMENTS, "PNAConv", "GPSConv", "NNConv"]))
            raise ValueError(f"conv must be a convolution that reads features of edges: {known}; got {self.conv!r}.")


class PyGMetanet(GraphNet):
    """Rounds of a PyTorch Geometric convolution by name, edges both ways: for people who bring their own.

    Equivariant to permutations of neurons if the convolution is equivariant to permutations of nodes. Runs on edge
    lists, so it is slower than the metanets that are made for dense blocks.
    """

    Config = PyGMetanetConfig
    dense = False

    def build(self, config: PyGMetanetConfig) -> None:
        width = config.width
        self.embed = NodeEmbedding(self.layout.node, width)
        self.forth, self.back = EdgeEmbedding(self.layout, width), EdgeEmbedding(self.layout, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.layers))
        self.rounds = nn.ModuleList(_make(config.conv, width, dict(config.options)) for _ in range(config.layers))

    def encode(self, frame: SparseFrame, x: Tensor, values: list[Tensor]) -> Tensor:
        h, group = self.embed(frame, x), frame.edges[0]
        index = torch.stack([frame.source, frame.target])
        index = torch.cat([index, index.flip(0)], 1)
        features = torch.cat([self.forth(frame, group, values[0]), self.back(frame, group, values[0])])
        for conv, norm in zip(self.rounds, self.norms, strict=True):
            h = h + conv(norm(h), index, edge_attr=features).relu()
        return h


def _make(name: str, width: int, options: dict[str, Any]) -> nn.Module:
    perceptron = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    if name == "GINEConv":
        return pyg.GINEConv(perceptron, edge_dim=width, **options)
    if name == "GPSConv":
        return pyg.GPSConv(width, pyg.GINEConv(perceptron, edge_dim=width), **{"heads": 4, "norm": None, **options})
    if name == "PNAConv":
        gathered = {"aggregators": ["mean", "max", "min", "std"], "scalers": ["identity"], "deg": torch.ones(2).long()}
        return pyg.PNAConv(width, width, edge_dim=width, **{**gathered, **options})
    if name == "NNConv":
        return pyg.NNConv(width, width, nn.Linear(width, width * width), **{"aggr": "mean", **options})
    return getattr(pyg, name)(width, width, **{_EDGE_ARGUMENTS[name]: width}, **options)
