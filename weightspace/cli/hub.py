"""`weightspace push | pull`: metanets and generators out to the Hub, and from there into a folder."""

import argparse
from pathlib import Path

from weightspace.cli.terminal.console import say
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.terminal.publishing import add_publishing, published

_PUSH = """\
Publishes what save_pretrained wrote (a metanet or a generator) as a repository of the Hub, with its card.

  weightspace push runs/predictor/metanet owner/digits-accuracy --license apache-2.0
  weightspace push runs/predictor/metanet owner/digits-accuracy --revision v2 --private

The folder is loaded first, so that nothing broken is published. Log in once with 'hf auth login', or set HF_TOKEN. The
licence may stand in the front matter of README.md instead.
"""

_PULL = """\
Fetches a metanet or a generator from the Hub into a folder, and loads it to see that it is whole. Commands that take a
metanet take the name on the Hub as well and keep it in the Hub's cache; a folder is for what shall stay.

  weightspace pull owner/digits-accuracy --out digits-accuracy
  weightspace pull owner/digits-accuracy@v2 --out digits-accuracy
"""


def add_command(parent: Parser) -> None:
    """Adds `push` and `pull`."""
    push = parent.add_command("push", "publish a metanet or a generator on the Hub", _PUSH, _run_push)
    push.add_argument("folder", metavar="FOLDER", help="what save_pretrained wrote")
    add_publishing(push)
    pull = parent.add_command("pull", "fetch a metanet or a generator from the Hub", _PULL, _run_pull)
    pull.add_argument("name", metavar="OWNER/NAME", help="on the Hub; @REVISION may follow")
    pull.add_argument("--out", required=True, metavar="DIR", help="the new folder")


def _run_push(arguments: argparse.Namespace) -> None:
    from weightspace.hub.saved import publish_saved
    from weightspace.load import load_metanet
    from weightspace.tasks.labelled.row import names_zoo

    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"FOLDER must be a folder that save_pretrained wrote, got {folder}.")
    if names_zoo(folder):
        raise ValueError(f"{folder} is a zoo: weightspace zoo push {folder} {arguments.name}.")
    load_metanet(folder.resolve())
    say(f"Published: {publish_saved(folder.resolve(), arguments.name, **published(arguments))}")


def _run_pull(arguments: argparse.Namespace) -> None:
    from weightspace.hub.saved import pull_saved
    from weightspace.hub.source import PREFIX
    from weightspace.load import load_metanet

    source = PREFIX + arguments.name.removeprefix(PREFIX)
    found = load_metanet(source)
    say(f"The {type(found).__name__} is in {pull_saved(source, arguments.out)}.")
