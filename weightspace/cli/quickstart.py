"""`weightspace quickstart`: from a recipe to a table, in minutes."""

import argparse

from weightspace.cli.terminal.console import say, write_json, write_table
from weightspace.cli.terminal.parser import Parser

_QUICKSTART = """\
The whole toolkit once, on real data that needs no download, in a few minutes on two CPU cores:

  1  trains a zoo of small CNNs on handwritten digits, stacked, each with its own hyperparameters
  2  stores it: safetensors shards, a Parquet index, the recipe, the weight spaces, a manifest
  3  traces the weight spaces and turns the nets into graphs
  4  trains a metanet to predict test accuracy and generalization gap from weights alone
  5  compares it, on nets from runs that it hasn't seen, with baselines
  6  saves and loads the metanet, predicts one checkpoint, permutes its neurons, predicts again
  7  writes the table (table.md, table.json), a figure, the metanet and the logs

Stopped and called again, it goes on from what it has.

  weightspace quickstart                                         3,000 nets, 800 steps: about two minutes
  weightspace quickstart --nets 300 --steps 100 --out runs/try   a taste of it, in half a minute

Flags that stand in the environment variable WEIGHTSPACE_QUICKSTART come before those that are typed.
"""

_NEXT = """\
What to type next, to hear what the metanet says of one net, see what the zoo holds, and draw it:
  weightspace predict {out}/metanet {out}/checkpoint.safetensors
  weightspace zoo info {out}/zoo
  weightspace zoo plot {out}/zoo --out {out}/figures\
"""


def add_command(parent: Parser) -> None:
    """Adds `quickstart`."""
    parser = parent.add_command("quickstart", "a zoo, a metanet and a table of results, in minutes", _QUICKSTART, _run)
    parser.add_argument("--recipe", default="digits-cnn", help="a name of the gallery or a TOML file (%(default)s)")
    parser.add_argument("--out", default="runs/quickstart", metavar="DIR", help="where results go (%(default)s)")
    parser.add_argument("--nets", type=int, metavar="N", help="only the first N nets of the recipe")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that build the zoo (default: one a core)")
    parser.add_argument("--steps", type=int, metavar="N", help="gradient steps of the metanet")
    parser.add_argument("--seed", type=int, default=0, help="of the metanet and the baselines (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.tasks.comparison.tables.table import table_cells
    from weightspace.tasks.quickstart.quickstart import QuickstartConfig, run_quickstart

    given = {"steps": arguments.steps} if arguments.steps is not None else {}
    config = QuickstartConfig(
        recipe=arguments.recipe,
        out=arguments.out,
        nets=arguments.nets,
        workers=arguments.workers,
        seed=arguments.seed,
        **given,
    )
    result = run_quickstart(config, say=_quiet if arguments.quiet else say, progress=not arguments.quiet)
    if arguments.json:
        write_json(result)
        return
    columns, rows = table_cells(result)
    write_table(columns, rows, title=result["title"])
    say(_NEXT.format(out=arguments.out))


def _quiet(message: str) -> None:
    """Says nothing."""
