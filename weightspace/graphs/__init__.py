"""Weights as graphs: nodes are neurons at a site, edges are the weights between them."""

from typing import TYPE_CHECKING

from weightspace.graphs.structure.blocks import EdgeBlock, VectorBlock
from weightspace.graphs.structure.features import EDGE_FEATURES, POSITIONS, SITE_FEATURES
from weightspace.graphs.structure.layout import NODE_SLOTS, Layout
from weightspace.graphs.structure.skeleton import skeleton
from weightspace.graphs.structure.topology import Topology, topology
from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.graphs.batches import by_skeleton, in_order, join, mix, take
    from weightspace.graphs.convert import from_graph, to_graph
    from weightspace.graphs.dataset import GraphDataset
    from weightspace.graphs.draw import draw_graph, to_networkx
    from weightspace.graphs.rows import edge_parts, edge_values

__all__ = [
    "EDGE_FEATURES",
    "NODE_SLOTS",
    "POSITIONS",
    "SITE_FEATURES",
    "EdgeBlock",
    "GraphDataset",
    "Layout",
    "Topology",
    "VectorBlock",
    "by_skeleton",
    "draw_graph",
    "edge_parts",
    "edge_values",
    "from_graph",
    "in_order",
    "join",
    "mix",
    "skeleton",
    "take",
    "to_graph",
    "to_networkx",
    "topology",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.graphs.batches": ["by_skeleton", "in_order", "join", "mix", "take"],
        "weightspace.graphs.convert": ["from_graph", "to_graph"],
        "weightspace.graphs.dataset": ["GraphDataset"],
        "weightspace.graphs.draw": ["draw_graph", "to_networkx"],
        "weightspace.graphs.rows": ["edge_parts", "edge_values"],
    },
)
