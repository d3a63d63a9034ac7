"""`weightspace zoo info | list`: what a zoo holds, and which recipes there are."""

import argparse
import tomllib
from typing import Any

from weightspace.cli.terminal.console import write_facts, write_json, write_table
from weightspace.cli.terminal.parser import Parser

_INFO = """\
Says what a zoo holds: its recipe, nets and saved states, weight spaces, split, and how the metrics spread.

  weightspace zoo info runs/digits-cnn
  weightspace zoo info runs/digits-cnn --json | jq .nets
"""

_LIST = """\
Lists the recipes that come with weightspace. Each can be built by its name:

  weightspace zoo list
  weightspace zoo build digits-cnn --out runs/digits-cnn
"""


def add_command(zoo: Parser) -> None:
    """Adds `info` and `list` to `weightspace zoo`."""
    info = zoo.add_command("info", "what a zoo holds", _INFO, _run_info)
    info.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    info.add_argument("--json", action="store_true", help="print it as JSON")
    listing = zoo.add_command("list", "the recipes that come with weightspace", _LIST, _run_list)
    listing.add_argument("--json", action="store_true", help="print a list of objects, one a recipe")


def _run_info(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo, describe_zoo

    facts = describe_zoo(Zoo(arguments.zoo))
    if arguments.json:
        write_json(facts)
        return
    spaces = [f"{name[:12]} ({space['parameters']} parameters)" for name, space in facts["spaces"].items()]
    write_facts(
        {
            "zoo": f"{facts['name']} in {facts['path']}",
            "recipe": str(facts["recipe"]),
            "nets": f"{facts['nets']}, {facts['states']} saved states, {facts['diverged']} diverged",
            "split": ", ".join(f"{name} {count}" for name, count in facts["splits"].items()) + " (nets)",
            "spaces": ", ".join(spaces[:4]) + (f", and {len(spaces) - 4} more" if len(spaces) > 4 else ""),
            "size": f"{facts['bytes'] / 1e6:.1f} MB",
        }
    )
    rows = [
        [name, *(f"{value:.4g}" if isinstance(value, float) else str(value) for value in spread)]
        for name, spread in {**facts["hyperparameters"], **facts["metrics"]}.items()
        if len(spread) == 3 and not isinstance(spread[0], str)
    ]
    write_table(["", "least", "median", "largest"], rows)
    for name, values in facts["hyperparameters"].items():
        if values and isinstance(values[0], str):
            write_facts({name: ", ".join(values)})


def _run_list(arguments: argparse.Namespace) -> None:
    from weightspace.zoo.recipe.gallery import gallery

    recipes = [_summary(path.read_text(encoding="utf-8")) for path in gallery().values()]
    if arguments.json:
        write_json(recipes)
        return
    columns = ["recipe", "nets", "trained on", "what it is"]
    rows = [[recipe["name"], f"{recipe['nets']:,}", recipe["data"], recipe["description"]] for recipe in recipes]
    write_table(columns, rows, align="lrll")


def _summary(text: str) -> dict[str, Any]:
    recipe = tomllib.loads(text)
    return {"name": recipe["name"], "nets": recipe["nets"], "data": recipe["data"]["name"],
            "description": recipe.get("description", "")}  # fmt: skip
