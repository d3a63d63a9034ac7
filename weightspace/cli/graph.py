"""`weightspace graph draw`: the picture of a net as a graph of its neurons."""

import argparse
from pathlib import Path
from typing import Any

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.module import FACTORY, add_factory, load_factory
from weightspace.cli.terminal.parser import Parser

_GRAPH = """\
A net as a graph: a node for every neuron, an edge for every weight. This is how metanets read weights.

  weightspace graph draw my_nets:small --out graph.png
"""
_DRAW = f"""\
Draws a small net as a graph of its neurons: layers as columns from input to output; an edge's colour is the sign of its
weight, its width the size. Residual connections are grey.

  weightspace graph draw my_nets:small --out graph.png
  weightspace graph draw my_nets:small --out graph.svg --checkpoint net.safetensors
  weightspace graph draw my_nets:small --out graph.pdf --input 2,4

{FACTORY}"""


LARGEST = 20_000
"""Weights of the largest net that is drawn."""


def add_command(parent: Parser) -> None:
    """Adds `graph` and its subcommand `draw`."""
    graph = parent.add_group("graph", "draw a net as a graph of its neurons", _GRAPH)
    draw = graph.add_command("draw", "draw a small net", _DRAW, _run)
    add_factory(draw)
    draw.add_argument("--out", required=True, metavar="FILE", help="the .png, .svg or .pdf to write")
    draw.add_argument("--checkpoint", metavar="FILE", help="the weights; without it those that the function gives")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.checkpoints import fit_checkpoint, read_checkpoint
    from weightspace.space import WeightSpace

    net, inputs = load_factory(arguments)
    space = WeightSpace.trace(net, *inputs)
    weights = dict(net.state_dict())
    if arguments.checkpoint is not None:
        _, weights = fit_checkpoint([space], read_checkpoint(arguments.checkpoint)[0])
    say(draw_net(space, weights, arguments.out, arguments.module))


def draw_net(space: Any, weights: dict[str, Any], out: str, title: str) -> str:
    """Draws a small net as a graph; says what was drawn and where it is.

    Raises:
        ValueError: too many weights for a picture, or an ending that no picture has.
    """
    if Path(out).suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"a graph is drawn to a .png, .svg or .pdf, got {out}.")
    size = sum(tensor.numel() for tensor in weights.values())
    if size > LARGEST:
        raise ValueError(
            f"a graph is drawn of nets with {LARGEST:,} weights at most, got {size:,}: a larger one is a black square. "
            "Draw the same architecture with few neurons a layer."
        )
    from torch_geometric.data import Data

    from weightspace.graphs import draw_graph, to_graph

    graph = to_graph(space, {name: tensor.detach() for name, tensor in weights.items()})
    assert isinstance(graph, Data)  # of one net
    path = draw_graph(graph, out, title)
    return f"{graph.num_nodes} neurons and {graph.num_edges} edges in {path}."
