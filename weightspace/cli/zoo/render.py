"""`weightspace zoo render`: what the nets of a zoo of implicit representations show."""

import argparse

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo.flags import choose_nets, numbers

_RENDER = """\
Draws what the nets of a zoo of implicit representations show, side by side in one PNG file: images in grey or
colour, curves of one variable, and solids given by their distances. How weights become a picture (frequency, output
shift, coordinate range) is read from the zoo, so nothing about it has to be known.

  weightspace zoo render zoos/mnist-inr --out wall.png                           the first 64 nets
  weightspace zoo render zoos/mnist-inr --out threes.png --label 3 --resolution 112
  weightspace zoo render zoos/shapes-sdf --out solids.png --nets 0-15,100        those nets
  weightspace zoo render zoos/shapes-sdf --out slices.png --slice
"""


def add_command(zoo: Parser) -> None:
    """Adds `render` to `weightspace zoo`."""
    parser = zoo.add_command("render", "draw what implicit representations show", _RENDER, _run)
    parser.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    parser.add_argument("--out", required=True, metavar="FILE", help="the PNG file")
    parser.add_argument(
        "--nets", metavar="LIST", type=numbers, help="numbers of nets: 3, 0-15 or 0-15,40 (default: 64)"
    )
    parser.add_argument("--label", type=int, metavar="N", help="only nets whose signal is of this class")
    parser.add_argument(
        "--resolution", type=int, metavar="N", help="points along each axis (default: as it was fitted)"
    )
    parser.add_argument("--slice", action="store_true", help="draw solids as distances in the middle plane")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo, render_wall

    view = Zoo(arguments.zoo).final()
    if arguments.label is not None:
        view = view.filter(label=arguments.label)
    if arguments.nets is None:
        view = next(iter(view.by_space().values()), view)
        view = view.view(view.table.slice(0, 64))
    else:
        view = choose_nets(view, arguments.nets)
    render_wall(view, arguments.out, resolution=arguments.resolution, solids="slice" if arguments.slice else "surface")
    say(f"{len(view)} nets in {arguments.out}.")
