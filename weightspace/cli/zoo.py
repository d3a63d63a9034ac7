"""`weightspace zoo build | info`: build a zoo from a recipe, and say what a zoo holds."""

import argparse
from typing import Any

from weightspace.cli import zoo_import, zoo_render, zoo_tools
from weightspace.cli.console import say, write_facts, write_json, write_table
from weightspace.cli.zoo_flags import add_data_root, add_imports, apply_flags

_BUILD = """\
Trains the nets that a recipe describes, many at a time, and stores every saved state in one folder:
safetensors shards, a Parquet index, the recipe, the weight spaces, and a manifest that is written last.

  weightspace zoo build digits-cnn --out runs/digits-cnn                a recipe of the gallery, by its name
  weightspace zoo build my-recipe.toml --out my-zoo --nets 100          your own, and only its first 100 nets
  weightspace zoo build mnist-inr --out zoos/mnist --data-root data     MNIST from data/mnist instead of the Hub
  weightspace zoo build my-recipe.toml --out my-zoo --import my_nets    nets that a function of my_nets.py makes
  weightspace zoo build small-cnn-mnist --out zoos/small --engine ray   on the Ray cluster that RAY_ADDRESS names

Net i depends on the recipe and on i alone, so a build that was stopped goes on when the command is repeated,
and a folder that holds another zoo is refused.
"""

_INFO = """\
Says what a zoo holds: its recipe, nets and saved states, weight spaces, split, and how the metrics spread.

  weightspace zoo info runs/digits-cnn
  weightspace zoo info runs/digits-cnn --json | jq .nets
"""


def add_parser(commands: Any) -> None:
    """Adds `zoo` and its subcommands."""
    zoo = commands.add_parser("zoo", help="build a zoo of nets, or look at one").add_subparsers(
        metavar="COMMAND", required=True
    )
    raw = argparse.RawDescriptionHelpFormatter
    build = zoo.add_parser("build", help="train the nets of a recipe", description=_BUILD, formatter_class=raw)
    build.add_argument("recipe", metavar="RECIPE", help="a name from the gallery, or a TOML file")
    build.add_argument(
        "--out", required=True, metavar="DIR", help="the folder of the zoo, or a URL; made, or gone on with"
    )
    build.add_argument("--nets", type=int, metavar="N", help="only the first N nets of the recipe")
    build.add_argument(
        "--workers", type=int, metavar="N", help="processes that train (default: one a core, or one a GPU)"
    )
    build.add_argument("--engine", choices=("local", "ray"), default="local", help="who trains (%(default)s)")
    add_data_root(build)
    add_imports(build)
    build.add_argument("--json", action="store_true", help="print what was built as JSON")
    build.add_argument("--quiet", action="store_true", help="no progress bar")
    build.set_defaults(run=_run_build)
    info = zoo.add_parser("info", help="what a zoo holds", description=_INFO, formatter_class=raw)
    info.add_argument("zoo", metavar="ZOO", help="the folder of a zoo, or hf://datasets/OWNER/NAME")
    info.add_argument("--json", action="store_true", help="print it as JSON")
    info.set_defaults(run=_run_info)
    for module in (zoo_tools, zoo_render, zoo_import):
        module.add_parser(zoo)


def _run_build(arguments: argparse.Namespace) -> None:
    from weightspace.zoo import Recipe, build_zoo, describe_zoo

    apply_flags(arguments)
    try:
        recipe = Recipe.load(arguments.recipe)
    except TypeError as error:  # a value of the wrong type
        raise ValueError(str(error)) from error
    try:
        zoo = build_zoo(
            recipe,
            arguments.out,
            workers=arguments.workers,
            progress=not arguments.quiet,
            nets=arguments.nets,
            engine=arguments.engine,
        )
    except (RuntimeError, ModuleNotFoundError) as error:  # another builder is at work, a worker ended, Ray is missing
        raise ValueError(str(error)) from error
    if arguments.json:
        write_json(describe_zoo(zoo))
    else:
        say(f"{len(zoo)} saved states in {arguments.out}; 'weightspace zoo info {arguments.out}' says what it holds.")


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
