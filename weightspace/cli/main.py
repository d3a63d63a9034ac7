"""The command line as a whole: its help, and running one command."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial

from weightspace import __version__
from weightspace.cli import (
    align,
    app,
    edit,
    generate,
    graph,
    hub,
    inspect,
    pack,
    predict,
    quickstart,
    symmetries,
    train,
)
from weightspace.cli.terminal.answer import answer
from weightspace.cli.terminal.completion import SHELLS, PrintCompletion
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo import commands as zoo
from weightspace.machine.data_root import using_data_root
from weightspace.machine.lost_folder import import_torch

_DESCRIPTION = """\
Learning from the weights of neural networks.

  weightspace quickstart                                  the whole toolkit once, in minutes
  weightspace symmetries my_nets:resnet                   which neurons of your own model can be permuted
  weightspace inspect net.pth --module my_nets:resnet     a first look at a checkpoint
  weightspace zoo build digits-cnn --out my-zoo           train a zoo: many small nets, in one folder
  weightspace train --zoo my-zoo --out run                train a metanet, which reads weights, on it
  weightspace predict run/metanet net.safetensors         what the metanet says of a net
  weightspace edit METANET inr.safetensors --out new      change the picture that a net's weights encode
  weightspace align a.pt b.pt --module my_nets:resnet --out c.safetensors    bring one net to another

Every command has a help of its own with examples: weightspace zoo build --help. To complete commands with the Tab key:
  source <(weightspace --completion bash)      or zsh; for fish: weightspace --completion fish | source
"""


def build_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser("weightspace", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"weightspace {__version__}")
    parser.add_argument("--completion", choices=SHELLS, action=PrintCompletion, help="print what a shell completes by")
    for module in (quickstart, symmetries, inspect, graph, zoo, train, predict, edit, align, pack, generate, hub, app):
        module.add_command(parser)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command line (without the program's name); returns the exit code, as `answer` says."""
    import_torch()
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["quickstart"]:
        words[1:1] = shlex.split(os.environ.get("WEIGHTSPACE_QUICKSTART", ""))
    arguments = build_parser().parse_args(words)
    return answer("weightspace", partial(_run, arguments))


def _run(arguments: argparse.Namespace) -> int | None:
    """One command, with image collections from the folder that ``--data-root`` names, if it does."""
    with using_data_root(getattr(arguments, "data_root", None)):
        return arguments.run(arguments)
