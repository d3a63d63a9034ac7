"""`weightspace symmetries`: which neurons of a net can be permuted, found from its computation."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from weightspace.cli.terminal.console import write_json, write_lines
from weightspace.cli.terminal.module import FACTORY, add_factory, load_factory
from weightspace.cli.terminal.parser import Parser

if TYPE_CHECKING:
    from weightspace.space import WeightSpace

_SYMMETRIES = f"""\
Finds the symmetries of a net's weights: which neurons can be put in another order, scaled or flipped in sign without
changing what the net computes. It runs the net once through torch.export, follows every axis of every tensor, and
proves the result in float64 by acting on all weights at random.

  weightspace symmetries my_nets:resnet
  weightspace symmetries my_nets:resnet --input 2,3,32,32
  weightspace symmetries my_nets:Encoder --settings '{{"layers": 2}}' --input 2,16:int --json

{FACTORY}"""


def add_command(parent: Parser) -> None:
    """Adds `symmetries`."""
    parser = parent.add_command("symmetries", "which neurons of your own net can be permuted", _SYMMETRIES, _run)
    add_factory(parser)
    parser.add_argument("--out", metavar="FILE", help="write the weight space as JSON, for WeightSpace.from_json")
    parser.add_argument("--json", action="store_true", help="print the weight space as JSON")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.space import WeightSpace

    net, inputs = load_factory(arguments)
    space = WeightSpace.trace(net, *inputs)
    if arguments.out:
        Path(arguments.out).write_text(space.to_json() + "\n", encoding="utf-8")
    if arguments.json:
        write_json(space.to_dict())
        return
    write_lines(str(space))
    write_lines("\n" + proof(space))


def proof(space: "WeightSpace") -> str:
    """What verifying a traced space found, in sentences."""
    report = space.report
    assert report is not None  # a traced space has one
    lines = []
    if report.error is not None:
        changed = f"changes the outputs by {report.error:.0e} of their size"
        alone = (
            "" if report.change is None else f"; on each tensor by itself, which is no symmetry, by {report.change:.0e}"
        )
        lines.append(f"Proved in float64: acting on all weights at random {changed}{alone}.")
    if report.failed:
        lines.append(f"Not symmetries after all, so taken as fixed: {', '.join(report.failed)}.")
    for operator, tensors in report.lost.items():
        lines.append(f"There is no rule for {operator}, so the axes that it reads are fixed: {', '.join(tensors)}.")
    return "\n".join(lines)
