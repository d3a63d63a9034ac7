"""`weightspace generate`: new nets from a generator, as a zoo or as files."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from weightspace.cli.models import load_models
from weightspace.cli.terminal.console import say, write_json
from weightspace.cli.terminal.module import add_call, load_factory
from weightspace.cli.terminal.parser import Parser

if TYPE_CHECKING:
    from weightspace.nets import Architecture

_GENERATE = """\
Writes the weights of new nets, which nobody has trained, as a zoo: safetensors shards and an index that holds the seed,
the number of each net and what was asked for.

  weightspace generate runs/soup --zoo runs/digits-cnn -n 100 --out new
  weightspace generate digits-initializer --zoo runs/digits-cnn@0 -n 10 --out started    # the architecture of row 0
  weightspace generate runs/soup --zoo runs/digits-cnn --prompt accuracy=.9 -n 100 --seed 1 --out good
  weightspace generate runs/flow --module my_nets:thin --settings '{"width": 8}' -n 10 --out thin
  weightspace generate runs/soup --like hf://owner/name -n 4 --out new

GENERATOR is a folder that save_pretrained made, the name of one that ships (digits-initializer), or a name on the Hub.
The architecture is that of a zoo, of a function or a class of a Python file, or of a model of the transformers library:
a folder of it, or hf://owner/name. A zoo can store a zoo's architectures, and functions that are marked with
@net_factory; of others each net becomes a file, net-00000.safetensors. Net i depends on generator, prompt, seed and i
alone, so a zoo that was stopped goes on when the command is repeated, and a folder that holds other nets is refused.
"""


def add_command(parent: Parser) -> None:
    """Adds `generate`."""
    parser = parent.add_command("generate", "write the weights of new nets", _GENERATE, _run)
    parser.add_argument("generator", metavar="GENERATOR", help="a folder that save_pretrained made, or a name")
    like = parser.add_mutually_exclusive_group(required=True)
    like.add_argument("--zoo", metavar="ZOO", help="nets of the architecture of a zoo that has one, or of ZOO@ROW")
    like.add_argument("--module", metavar="MODULE:NAME", help="nets that a function makes: my_nets:thin")
    like.add_argument(
        "--like", metavar="NET", help="nets like a folder of the transformers library, or hf://owner/name"
    )
    add_call(parser)
    parser.set_defaults(settings=None)
    parser.add_argument("--prompt", metavar="NAME=X", action="append", default=[], help="what the nets should be like")
    parser.add_argument("-n", type=int, required=True, metavar="N", help="how many nets")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers (default %(default)s)")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of the new nets; made, or gone on with")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _run(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from weightspace.generators import load_generator, write_zoo
    from weightspace.tasks.generation.files import write_files

    def shown(shards: Iterable[int]) -> Iterable[int]:
        return tqdm(shards, unit="shard", disable=arguments.quiet)

    generator, prompt = load_generator(arguments.generator), _prompt(arguments.prompt)
    asked: dict[str, Any] = {"prompt": prompt, "seed": arguments.seed, "shown": shown}
    architecture = _architecture(arguments)
    try:
        if architecture is not None:
            stored = len(write_zoo(generator, architecture, arguments.n, arguments.out, **asked))
        else:
            space, net = _space(arguments)
            stored = len(write_files(generator, space, arguments.n, arguments.out, net=net, **asked))
    except RuntimeError as error:  # another process writes there
        raise ValueError(str(error)) from error
    lost = arguments.n - stored
    if arguments.json:
        write_json({"out": arguments.out, "nets": stored, "not_finite": lost, "prompt": prompt, "seed": arguments.seed})
        return
    say(f"{stored} nets in {arguments.out}." + (f" {lost} more weren't finite and aren't stored." if lost else ""))


def _architecture(arguments: argparse.Namespace) -> "Architecture | None":
    """The architecture that --zoo or --module says; None where no zoo can store it."""
    from weightspace.checkpoints import make_module
    from weightspace.nets import Architecture
    from weightspace.tasks.labelled.row import names_row, zoo_row
    from weightspace.zoo import Zoo

    if arguments.module:
        net = make_module(arguments.module, arguments.settings)
        return Architecture.of(net) if "net_factory" in vars(net) else None
    if arguments.settings is not None or arguments.inputs:
        flag = "--input" if arguments.settings is None else "--settings"
        raise ValueError(f"{flag} goes with --module MODULE:NAME; other nets say it themselves.")
    if arguments.like:
        return None
    if names_row(arguments.zoo):
        return zoo_row(arguments.zoo).architecture
    zoo = Zoo(arguments.zoo)
    if len(zoo.spaces) != 1:
        raise ValueError(
            f"{arguments.zoo} holds nets of {len(zoo.spaces)} architectures; name a row of the one that is meant: "
            f"--zoo {arguments.zoo}@0."
        )
    return zoo.architecture


def _space(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Weight space and module of --module, or of the net that --like names."""
    from weightspace.space import WeightSpace

    if arguments.module:
        net, inputs = load_factory(arguments)
        return WeightSpace.trace(net, *inputs), net
    models = load_models(argparse.Namespace(module=None, space=None), [arguments.like])
    return models.space, models.module


def _prompt(texts: list[str]) -> dict[str, float]:
    prompt = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            prompt[name] = float(value)
        except ValueError:
            raise ValueError(f"--prompt must be NAME=NUMBER, like accuracy=.9, got {text!r}.") from None
    return prompt
