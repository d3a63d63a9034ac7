"""`weightspace zoo build | info`: build a zoo from a recipe, and say what a zoo holds."""

import argparse
from pathlib import Path
from typing import Any

from weightspace.cli.console import say, write_facts, write_json, write_table
from weightspace.cli.zoo_tools import add_parsers

_BUILD = """\
Trains the nets that a recipe describes, many at a time, and stores every saved state in one folder:
safetensors shards, a Parquet index, the recipe, the weight spaces, and a manifest that is written last.

  weightspace zoo build digits-cnn --out runs/digits-cnn             a recipe of the gallery, by its name
  weightspace zoo build my-recipe.toml --out my-zoo --nets 100       your own, and only its first 100 nets

Net i depends on the recipe and on i alone, so a build that was stopped goes on when the command is repeated,
and a folder that holds another zoo is refused.
"""

_INFO = """\
Says what a zoo holds: its recipe, nets and saved states, weight spaces, split, and how the metrics spread.

  weightspace zoo info runs/digits-cnn
  weightspace zoo info runs/digits-cnn --json | jq .nets
"""

_METRICS = ("test_accuracy", "train_accuracy", "gap", "test_loss", "psnr")


def add_parser(commands: Any) -> None:
    """Adds `zoo` and its subcommands."""
    zoo = commands.add_parser("zoo", help="build a zoo of nets, or look at one").add_subparsers(
        metavar="COMMAND", required=True
    )
    raw = argparse.RawDescriptionHelpFormatter
    build = zoo.add_parser("build", help="train the nets of a recipe", description=_BUILD, formatter_class=raw)
    build.add_argument("recipe", metavar="RECIPE", help="a name from the gallery, or a TOML file")
    build.add_argument("--out", required=True, metavar="DIR", help="the folder of the zoo; made, or gone on with")
    build.add_argument("--nets", type=int, metavar="N", help="only the first N nets of the recipe")
    build.add_argument("--workers", type=int, metavar="N", help="processes that train (default: one a core)")
    build.add_argument("--json", action="store_true", help="print what was built as JSON")
    build.add_argument("--quiet", action="store_true", help="no progress bar")
    build.set_defaults(run=_run_build)
    info = zoo.add_parser("info", help="what a zoo holds", description=_INFO, formatter_class=raw)
    info.add_argument("zoo", metavar="ZOO", help="the folder of a zoo")
    info.add_argument("--json", action="store_true", help="print it as JSON")
    info.set_defaults(run=_run_info)
    add_parsers(zoo)


def _run_build(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Recipe, build_zoo

    recipe = Recipe.load(arguments.recipe)
    try:
        zoo = build_zoo(
            recipe, arguments.out, workers=arguments.workers, progress=not arguments.quiet, nets=arguments.nets
        )
    except RuntimeError as error:  # another builder is at work there, or a worker ended
        raise ValueError(str(error)) from error
    if arguments.json:
        write_json(summary(zoo, arguments.out))
    else:
        say(f"{len(zoo)} saved states in {arguments.out}; 'weightspace zoo info {arguments.out}' says what it holds.")


def _run_info(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Zoo

    facts = summary(Zoo(arguments.zoo), arguments.zoo)
    if arguments.json:
        write_json(facts)
        return
    write_facts(
        {
            "zoo": facts["zoo"],
            "recipe": f"{facts['recipe']} (hash {facts['recipe_hash'][:12]})",
            "nets": f"{facts['nets']}, {facts['states']} saved states, {facts['diverged']} diverged",
            "split": ", ".join(f"{name} {count}" for name, count in facts["split"].items()) + " (nets)",
            "spaces": ", ".join(f"{name[:12]} ({count} parameters)" for name, count in facts["spaces"].items()),
            "size": f"{facts['bytes'] / 1e6:.1f} MB",
            "varied": ", ".join(facts["hyperparameters"]),
        }
    )
    rows = [[name, *(f"{value:.3f}" for value in spread.values())] for name, spread in facts["metrics"].items()]
    write_table(["last state of each net", "lowest", "10 %", "median", "90 %", "highest"], rows)


def summary(zoo: Any, path: str | Path) -> dict[str, Any]:
    """What a zoo holds, as JSON types."""
    import numpy as np

    final = zoo.final()
    columns = final.table.to_pydict()
    metrics = {}
    for name in _METRICS:
        values = np.array([v for v in columns.get(name, ()) if v is not None], dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            quantiles = np.quantile(values, (0, 0.1, 0.5, 0.9, 1))
            metrics[name] = dict(zip(("lowest", "p10", "median", "p90", "highest"), map(float, quantiles), strict=True))
    return {
        "zoo": str(path),
        "recipe": zoo.recipe.name,
        "recipe_hash": zoo.recipe.hash,
        "nets": len(final),
        "states": len(zoo),
        "diverged": columns["status"].count("diverged"),
        "split": {name: columns["split"].count(name) for name in ("train", "val", "test")},
        "spaces": {
            key: sum(s.numel for s in space.tensors.values() if not s.buffer) for key, space in zoo.spaces.items()
        },
        "bytes": sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()),
        "hyperparameters": list(zoo.hyperparameters),
        "metrics": metrics,
    }
