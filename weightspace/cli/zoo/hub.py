"""`weightspace zoo push | pull`: zoos out to the Hub, and from there into a folder."""

import argparse

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.terminal.publishing import add_publishing, published

_PUSH = """\
Publishes a zoo as a dataset of the Hub: a card whose viewer shows the index, shards, and the manifest last. What was
stopped goes on when the command is repeated.

  weightspace zoo push runs/digits-cnn owner/digits-cnn
  weightspace zoo push runs/merged owner/merged --license cc-by-4.0 --private

Log in once with 'hf auth login', or set HF_TOKEN.
"""

_PULL = """\
Fetches a zoo from the Hub (or from a URL that fsspec knows) into a folder, each file compared with the manifest. What
was stopped goes on when the command is repeated. Commands that take a zoo take its address as well, and fetch of it
only what they need; a folder is for what shall stay.

  weightspace zoo pull owner/digits-cnn --out zoos/digits-cnn
  weightspace zoo pull hf://datasets/owner/digits-cnn@v2 --out zoos/digits-cnn
  weightspace zoo info hf://datasets/owner/digits-cnn                               the index alone
"""


def add_command(zoo: Parser) -> None:
    """Adds `push` and `pull` to `weightspace zoo`."""
    push = zoo.add_command("push", "publish a zoo on the Hub", _PUSH, _run_push)
    push.add_argument("zoo", metavar="ZOO", help="the folder of a finished zoo")
    add_publishing(push)
    pull = zoo.add_command("pull", "fetch a zoo from the Hub", _PULL, _run_pull)
    pull.add_argument("name", metavar="OWNER/NAME", help="on the Hub, @REVISION may follow; or a URL")
    pull.add_argument("--out", required=True, metavar="DIR", help="a new folder, or one with a part of it")


def _run_push(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo

    say(f"Published: {Zoo(arguments.zoo).push_to_hub(arguments.name, **published(arguments))}")


def _run_pull(arguments: argparse.Namespace) -> None:
    from weightspace.zoo.publish import pull_zoo
    from weightspace.zoo.remote import HUB

    url = arguments.name if "://" in arguments.name else HUB + arguments.name
    say(f"The zoo is in {pull_zoo(url, arguments.out)}.")
