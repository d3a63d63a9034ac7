"""A small graph for people: as a networkx graph, and as a drawing."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch_geometric.data import Data

from weightspace.graphs.structure.topology import Topology, topology
from weightspace.palette import FAINT, INK, NEGATIVE, POSITIVE

if TYPE_CHECKING:
    import matplotlib.axes
    import networkx


def to_networkx(graph: Data) -> "networkx.MultiDiGraph":
    """The graph of one net with names: nodes are ``(site, index)``, edges carry ``tensor`` and ``weight``.

    A node has ``site``, ``kind``, ``activation`` and one attribute for each vector on it, by the tensor's name; an
    edge has the name of its tensor, or the kind of its link, and its features as a tuple of floats.

    Example::

        [tensor for *_, tensor in to_networkx(graph).edges(data="tensor")]
    """
    import networkx

    topo, found = topology(graph.space, graph.layout), networkx.MultiDiGraph()
    names = [
        (site.name, index)
        for n, site in enumerate(topo.space.sites)
        for index in range(topo.starts[n + 1] - topo.starts[n])
    ]
    for (name, index), number in zip(names, topo.node_type.tolist(), strict=True):
        site = topo.space.sites[number]
        found.add_node((name, index), site=name, kind=site.kind, activation=site.activation)
    for vector in topo.vectors:
        start = topo.layout.slot(vector.slot) + vector.column
        for node in vector.nodes.tolist():
            value = graph.x[node, start : start + vector.width].tolist()
            found.nodes[names[node]][vector.tensor] = value[0] if len(value) == 1 else tuple(value)
    for (source, target), kind, values in zip(
        graph.edge_index.T.tolist(), graph.edge_type.tolist(), graph.edge_attr, strict=True
    ):
        label, weight = _edge(topo, kind, values)
        found.add_edge(names[source], names[target], tensor=label, weight=weight)
    return found


def _edge(topo: Topology, kind: int, values: torch.Tensor) -> tuple[str, tuple[float, ...]]:
    if kind >= len(topo.blocks):
        return topo.space.links[kind - len(topo.blocks)].kind, ()
    block = topo.blocks[kind]
    columns = topo.layout.edge_columns(block.width, block.kernel)
    return block.tensor, tuple(values[list(columns)].tolist())


def draw_graph(graph: Data, path: str | Path, title: str = "") -> Path:
    """Draw the graph of one small net: sites as columns from input to output, an edge's colour is its mean weight.

    Args:
        graph: what `to_graph` gives for one net; up to some hundred edges stay readable.
        path: the PNG, PDF or SVG to write. title: a line above.
    """
    from matplotlib.figure import Figure

    columns = int(_places(topology(graph.space, graph.layout))[0].max()) + 1
    figure = Figure(figsize=(2.1 * columns + 1, 4), layout="constrained")
    axis = figure.subplots()
    draw_graph_on(axis, graph)
    axis.set_title(title, fontsize=10, color=INK)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
    return path


def draw_graph_on(axis: "matplotlib.axes.Axes", graph: Data, size: float = 70) -> None:
    """Draw the graph of one small net on a matplotlib axis, as a part of a larger picture.

    Args:
        size: of the neurons, as matplotlib's ``scatter`` takes it.
    """
    from matplotlib.collections import LineCollection

    topo = topology(graph.space, graph.layout)
    x, y = _places(topo)
    source, target = graph.edge_index
    weights = graph.edge_attr.float().sum(1) / graph.edge_attr.float().abs().max().clamp(min=1e-12)
    linked = graph.edge_type >= len(topo.blocks)
    lines = _lines(x, y, source, target, linked)
    colours = [
        FAINT if link else POSITIVE if w > 0 else NEGATIVE for w, link in zip(weights.tolist(), linked, strict=True)
    ]
    widths = [1.5 if link else 0.3 + 1.7 * min(abs(w), 1) for w, link in zip(weights.tolist(), linked, strict=True)]
    axis.add_collection(LineCollection(lines.tolist(), colors=colours, linewidths=widths, zorder=1, alpha=0.7))
    axis.scatter(x, y, s=size, color="white", edgecolors=INK, linewidths=1.2, zorder=2)
    for number, site in enumerate(topo.space.sites):
        rows = topo.site(number)
        label = site.name if site.activation in ("none", "") else f"{site.name}\n{site.activation}"
        axis.text(float(x[rows.start]), float(y[rows].min()) - 0.7, label, ha="center", va="top", fontsize=8, color=INK)
    axis.set_ylim(float(y.min()) - 2, float(y.max()) + 0.8)
    axis.set_axis_off()


def _lines(x: torch.Tensor, y: torch.Tensor, source: torch.Tensor, target: torch.Tensor, linked: torch.Tensor):
    """A line for each edge, ``[edges, points, 2]``; links that pass a column go around its neurons."""
    share = torch.linspace(0, 1, 25)
    points = torch.stack(
        [x[source, None].lerp(x[target, None], share), y[source, None].lerp(y[target, None], share)], 2
    )
    passing = linked & ((x[target] - x[source]).abs() > 1)
    points[passing, :, 1] += 0.4 * 4 * share * (1 - share)
    return points


def _places(topo: Topology) -> tuple[torch.Tensor, torch.Tensor]:
    """A column for each site in order of the computation, neurons of a site from top to bottom."""
    column = [0] * len(topo.space.sites)
    pairs = {tuple(topo.node_type[pair].tolist()) for pair in topo.edge_index.T}
    for _ in column:
        for source, target in pairs:
            if source != target and column[target] <= column[source] < len(column):
                column[target] = column[source] + 1
    taken: dict[int, float] = {}
    x, y = torch.empty(topo.nodes), torch.empty(topo.nodes)
    for number in range(len(column)):
        rows = topo.site(number)
        count = rows.stop - rows.start
        offset = taken.get(column[number], 0.0)
        x[rows] = float(column[number])
        y[rows] = torch.arange(count).flip(0) - (count - 1) / 2 - offset
        taken[column[number]] = offset + count + 1.5
    return x, y
