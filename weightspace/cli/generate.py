"""`weightspace generate`: new nets from a generator, as a zoo."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from weightspace.cli.terminal.console import say, write_json
from weightspace.cli.terminal.module import json_object
from weightspace.cli.terminal.parser import Parser

if TYPE_CHECKING:
    from weightspace.nets import Architecture

_GENERATE = """\
Writes the weights of new nets, which nobody has trained, as a zoo: safetensors shards and an index that holds the seed,
the number of each net and what was asked for.

  weightspace generate runs/soup --zoo runs/digits-cnn -n 100 --out new
  weightspace generate runs/soup --zoo runs/digits-cnn --prompt accuracy=.9 -n 100 --seed 1 --out good
  weightspace generate runs/flow --module my_nets:thin --settings '{"width": 8}' -n 10 --out thin

GENERATOR is a folder that save_pretrained made, or a name on the Hub. The architecture is that of a zoo, or a function
of a Python file, marked with @net_factory so that the new zoo can name it. Net i depends on generator, prompt, seed
and i alone, so what was stopped goes on when the command is repeated, and a folder that holds other nets is refused.
"""


def add_command(parent: Parser) -> None:
    """Adds `generate`."""
    parser = parent.add_command("generate", "write the weights of new nets", _GENERATE, _run)
    parser.add_argument("generator", metavar="GENERATOR", help="a folder that save_pretrained made, or a Hub name")
    like = parser.add_mutually_exclusive_group(required=True)
    like.add_argument("--zoo", metavar="ZOO", help="nets of the architecture of a zoo that has one")
    like.add_argument("--module", metavar="MODULE:NAME", help="nets that a function makes: my_nets:thin")
    parser.add_argument("--settings", type=json_object, metavar="JSON", help="its arguments: '{\"width\": 8}'")
    parser.add_argument("--prompt", metavar="NAME=X", action="append", default=[], help="what the nets should be like")
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many nets")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers (default %(default)s)")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the new zoo; made, or gone on with")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _run(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from weightspace.generators import load_generator, write_zoo

    def shown(shards: Iterable[int]) -> Iterable[int]:
        return tqdm(shards, unit="shard", disable=arguments.quiet)

    generator = load_generator(arguments.generator)
    architecture, prompt = _architecture(arguments), _prompt(arguments.prompt)
    try:
        zoo = write_zoo(
            generator, architecture, arguments.n, arguments.out, prompt=prompt, seed=arguments.seed, shown=shown
        )
    except RuntimeError as error:  # another process writes there
        raise ValueError(str(error)) from error
    lost = arguments.n - len(zoo)
    if arguments.json:
        write_json(
            {"out": arguments.out, "nets": len(zoo), "not_finite": lost, "prompt": prompt, "seed": arguments.seed}
        )
        return
    say(f"{len(zoo)} nets in {arguments.out}." + (f" {lost} more weren't finite and aren't stored." if lost else ""))


def _architecture(arguments: argparse.Namespace) -> "Architecture":
    """The architecture that --zoo or --module says."""
    from weightspace.checkpoints import make_module
    from weightspace.nets import Architecture
    from weightspace.zoo import Zoo

    if arguments.module:
        net: Any = make_module(arguments.module, arguments.settings)
        if not hasattr(net, "settings"):
            raise ValueError(f"{arguments.module} must be marked with @net_factory(inputs=...) of weightspace.nets, so "
                             "that the new zoo can name it.")  # fmt: skip
        return Architecture(arguments.module, net.settings)
    if arguments.settings is not None:
        raise ValueError("--settings goes with --module MODULE:NAME; a zoo says the settings of its nets itself.")
    zoo = Zoo(arguments.zoo)
    if len(zoo.spaces) != 1:
        raise ValueError(f"{arguments.zoo} holds nets of {len(zoo.spaces)} architectures; take a zoo of one.")
    return zoo.architecture


def _prompt(texts: list[str]) -> dict[str, float]:
    prompt = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            prompt[name] = float(value)
        except ValueError:
            raise ValueError(f"--prompt must be NAME=NUMBER, like accuracy=.9, got {text!r}.") from None
    return prompt
