"""The command line as a whole: its help, and running one command."""

from collections.abc import Sequence
from functools import partial

from weightspace import __version__
from weightspace.cli import align, edit, generate, graph, pack, predict, quickstart, symmetries
from weightspace.cli.terminal.answer import answer
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo import commands as zoo

_DESCRIPTION = """\
Learning from the weights of neural networks.

  weightspace quickstart                                  the whole toolkit once, in minutes
  weightspace zoo build digits-cnn --out my-zoo           train a zoo: many small nets, in one folder
  weightspace zoo info my-zoo                             what a zoo holds
  weightspace predict METANET NET.safetensors             predict a net's test accuracy from its weights
  weightspace edit METANET INR.safetensors --out new      change the picture that a net's weights encode

METANET is a folder with a network that reads weights; 'weightspace quickstart' leaves one in runs/quickstart/metanet.
"""


def build_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser("weightspace", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"weightspace {__version__}")
    for module in (quickstart, symmetries, graph, zoo, predict, edit, generate, align, pack):
        module.add_command(parser)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command line (without the program's name); returns the exit code, as `answer` says."""
    arguments = build_parser().parse_args(words)
    return answer("weightspace", partial(arguments.run, arguments))
