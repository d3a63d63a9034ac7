"""`weightspace zoo export`: nets of a zoo as checkpoints of their own."""

import argparse

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo.flags import choose_nets, numbers

_EXPORT = """\
Copies nets out of a zoo: a .safetensors file each, as any program can read, and labels.csv with their
hyperparameters and scores, whose first column is the file's name.

  weightspace zoo export runs/digits-cnn --out checkpoints                   the last saved state of every net
  weightspace zoo export runs/digits-cnn --out checkpoints --split test
  weightspace zoo export runs/digits-cnn --out checkpoints --nets 0-15,100
"""


def add_command(zoo: Parser) -> None:
    """Adds `export` to `weightspace zoo`."""
    parser = zoo.add_command("export", "copy nets out of a zoo, a checkpoint each", _EXPORT, _run)
    parser.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the files; new, or empty")
    parser.add_argument("--nets", metavar="LIST", type=numbers, help="numbers of nets: 3, 0-15 or 0-15,40")
    parser.add_argument("--split", choices=("train", "val", "test"), help="only the nets of this split")
    parser.add_argument("--all-states", action="store_true", help="every saved state, not each net's last alone")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo, export_nets

    zoo = Zoo(arguments.zoo).filter(status="ok")
    view = zoo if arguments.all_states else zoo.final()
    view = view.split(arguments.split) if arguments.split else view
    view = choose_nets(view, arguments.nets) if arguments.nets else view
    files = export_nets(view, arguments.out)
    say(f"{len(files)} checkpoints and labels.csv in {arguments.out}.")
