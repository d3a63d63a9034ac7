"""Parses the command line, runs the subcommand, and turns an error of the user's into one message."""

import argparse
import sys
from collections.abc import Sequence

from weightspace import __version__
from weightspace.cli import edit, predict, quickstart, zoo

_DESCRIPTION = """\
Learning from the weights of neural networks.

  weightspace quickstart                           a zoo of small nets, and a network that reads their weights
  weightspace zoo build digits-cnn --out my-zoo    build a zoo from a recipe of the gallery, or from your own TOML
  weightspace zoo info my-zoo                      what a zoo holds
  weightspace predict METANET NET.safetensors      predict a net's test accuracy from its weights alone
  weightspace edit METANET INR.safetensors --out ...  change what an implicit representation shows
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        "weightspace", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"weightspace {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (quickstart, zoo, predict, edit):
        module.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (without the program's name); returns the exit code.

    0: done. 2: the command can't be done as given; one message on standard error says why and what to do.
    130: interrupted. Anything unforeseen is raised, with its traceback.
    """
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What is finished stays; the same command goes on from there.\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except (ValueError, OSError) as error:
        sys.stderr.write(f"weightspace: {error}\n")
        return 2
