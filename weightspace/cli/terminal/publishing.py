"""Flags of the commands that publish on the Hub."""

import argparse
from typing import Any


def add_publishing(parser: argparse.ArgumentParser) -> None:
    """Adds the name on the Hub and the flags of a publication."""
    parser.add_argument("name", metavar="OWNER/NAME", help="on the Hub; made if it isn't there")
    parser.add_argument("--license", metavar="NAME", help="such as apache-2.0, where the card names none")
    parser.add_argument("--private", action="store_true", default=None, help="for you alone, if it is made")
    parser.add_argument("--revision", metavar="NAME", help="a branch, made if it isn't there (default: main)")


def published(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a publication."""
    return {name: getattr(arguments, name) for name in ("license", "private", "revision")}
