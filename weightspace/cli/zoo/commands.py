"""`weightspace zoo`: its subcommands."""

from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo import build, export, hub, imports, info, render, tools

_ZOO = """\
A zoo is a folder of many small trained nets with their hyperparameters and scores: what a metanet is trained on.

  weightspace zoo list                                          recipes that come with weightspace
  weightspace zoo build digits-cnn --out my-zoo --nets 200      trains the first 200 nets of one
  weightspace zoo info my-zoo                                   what it holds
  weightspace zoo plot my-zoo --out figures                     pictures of it
  weightspace zoo export my-zoo --out checkpoints               its nets as one checkpoint each, with a table of labels
"""


def add_command(parent: Parser) -> None:
    """Adds `zoo` and its subcommands."""
    zoo = parent.add_group("zoo", "build a zoo of nets, or look at one", _ZOO)
    for module in (info, build, tools, render, export, imports, hub):
        module.add_command(zoo)
