"""`weightspace zoo build`: trains the nets of a recipe."""

import argparse

from weightspace.cli.terminal.console import say, write_json
from weightspace.cli.terminal.parser import Parser
from weightspace.cli.zoo.flags import add_data_root, add_imports, apply_flags

_BUILD = """\
Trains the nets that a recipe describes, many at a time, and stores every saved state in one folder:
safetensors shards, a Parquet index, the recipe, the weight spaces, and a manifest that is written last.

  weightspace zoo build digits-cnn --out runs/digits-cnn                a recipe of the gallery, by its name
  weightspace zoo build my-recipe.toml --out my-zoo --nets 100          your own, and only its first 100 nets
  weightspace zoo build mnist-inr --out zoos/mnist --data-root data     MNIST from data/mnist instead of the Hub
  weightspace zoo build my-recipe.toml --out my-zoo --data-root data    your own images, in the folder data/NAME
  weightspace zoo build my-recipe.toml --out my-zoo --import my_nets    nets and data that functions of my_nets.py make
  weightspace zoo build small-cnn-mnist --out zoos/small --engine ray   on the Ray cluster that RAY_ADDRESS names

Net i depends on the recipe and on i alone, so a build that was stopped goes on when the command is repeated,
and a folder that holds another zoo is refused.
"""


def add_command(zoo: Parser) -> None:
    """Adds `build` to `weightspace zoo`."""
    build = zoo.add_command("build", "train the nets of a recipe", _BUILD, _run)
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


def _run(arguments: argparse.Namespace) -> None:
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
            say=(lambda _: None) if arguments.quiet else say,
        )
    except (RuntimeError, ModuleNotFoundError) as error:  # another builder is at work, a worker ended, Ray is missing
        raise ValueError(str(error)) from error
    if arguments.json:
        write_json(describe_zoo(zoo))
    else:
        say(f"{len(zoo)} saved states in {arguments.out}; 'weightspace zoo info {arguments.out}' says what it holds.")
