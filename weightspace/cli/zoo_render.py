"""`weightspace zoo render`: what the nets of a zoo of implicit representations show."""

import argparse
import re
from typing import Any

from weightspace.cli.console import say

_RENDER = """\
Draws what the nets of a zoo of implicit representations show, side by side in one PNG file: images in grey or
colour, curves of one variable, and solids given by their distances. How weights become a picture (frequency, output
shift, coordinate range) is read from the zoo, so nothing about it has to be known.

  weightspace zoo render zoos/mnist-inr --out wall.png                           the first 64 nets
  weightspace zoo render zoos/mnist-inr --out threes.png --label 3 --resolution 112
  weightspace zoo render zoos/shapes-sdf --out solids.png --nets 0-15,100        those nets
  weightspace zoo render zoos/shapes-sdf --out slices.png --slice
"""


def add_parser(zoo: Any) -> None:
    """Adds `render` to `weightspace zoo`."""
    parser = zoo.add_parser(
        "render",
        help="draw what implicit representations show",
        description=_RENDER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    parser.set_defaults(run=_run)


def numbers(text: str) -> list[int]:
    """The numbers of ``0-15,40``."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise argparse.ArgumentTypeError(f"must be numbers like 3, 0-15 or 0-15,40, but {text!r} came")
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _run(arguments: argparse.Namespace) -> None:
    import pyarrow.compute as pc

    from weightspace.zoo import Zoo, render_wall

    view = Zoo(arguments.zoo).final()
    if arguments.label is not None:
        view = view.filter(label=arguments.label)
    if arguments.nets is None:
        view = next(iter(view.by_space().values()), view)
        view = view.view(view.table.slice(0, 64))
    else:
        known = set(view.table["net"].to_pylist())
        missing = [net for net in arguments.nets if net not in known]
        if missing:
            raise ValueError(f"{arguments.zoo} has no net {missing[0]} to draw; it has {len(known)} such nets")
        view = view.filter(pc.field("net").isin(arguments.nets))
    render_wall(view, arguments.out, resolution=arguments.resolution, solids="slice" if arguments.slice else "surface")
    say(f"{len(view)} nets in {arguments.out}.")
