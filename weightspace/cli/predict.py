"""`weightspace predict`: what a trained metanet says of checkpoints."""

import argparse
from typing import Any

from weightspace.cli.models import as_typed, here
from weightspace.cli.terminal.console import say, write_json, write_table
from weightspace.cli.terminal.metanet import load_for, refuse_tables
from weightspace.cli.terminal.module import FACTORY, add_factory, load_factory
from weightspace.cli.terminal.parser import Parser
from weightspace.hub.shipped import shipped_readers

_PREDICT = f"""\
Predicts from weights alone: reads checkpoints of the architectures that a metanet was trained on, and prints what the
metanet says of each, without running the nets on any data. Where the label is a class, it prints the class and how sure
the metanet is.

  weightspace predict digits-inr-class inr.safetensors              # a metanet that ships with the package
  weightspace predict runs/quickstart/metanet net.safetensors
  weightspace predict runs/quickstart/metanet one.safetensors two.safetensors folder-of-nets --json
  weightspace predict runs/quickstart/metanet runs/digits-cnn       # all saved states of a zoo
  weightspace predict runs/own/metanet net.pth --module my_nets:resnet    # sees whether my_nets:resnet is what it knows

Checkpoints are .safetensors files or what torch.save wrote (.pt, .pth, .bin); nothing in a file is ever run, so a
pickle that holds more than weights is refused. What differs from the nets of the training (architecture, activation,
and for nets that encode a picture how it is drawn) is refused with its name; nets of other data are predicted, with a
warning. A file of torch.save can't say which activation its net has; with --module it is compared.

{FACTORY}"""


def add_command(parent: Parser) -> None:
    """Adds `predict`."""
    parser = parent.add_command("predict", "predict labels of nets from their weights", _PREDICT, _run)
    names = shipped_readers()
    parser.add_argument(
        "metanet",
        metavar="METANET",
        help=f"a folder that save_pretrained made, a name on the Hub, or one that ships: {', '.join(names)}",
    )
    parser.add_argument(
        "checkpoints",
        metavar="CHECKPOINT",
        nargs="+",
        help="checkpoints, folders of them, patterns like 'ckpts/*.pth', zoos, rows of zoos (ZOO@ROW), "
        "repositories of the Hub with safetensors (hf://owner/name)",
    )
    parser.add_argument("--space", metavar="HASH", help="the weight space of the nets, where tensors don't tell it")
    add_factory(parser, "--module")
    parser.add_argument("--anyway", action="store_true", help="predict nets that are rendered in another way too")
    parser.add_argument("--json", action="store_true", help="print a list of objects, one a checkpoint")


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.tasks.prediction.files import predict_files

    refuse_tables(arguments.checkpoints)
    places = {here(path): path for path in arguments.checkpoints}
    with as_typed(places) as typed:
        found = predict_files(
            load_for("predict", arguments.metanet),
            places,
            _space(arguments),
            anyway=arguments.anyway,
            warn=lambda message: say(f"weightspace: {typed(message)}"),
        )
    predictions = {typed(name): values for name, values in found.items()}
    if arguments.json:
        write_json([{"checkpoint": name, **values} for name, values in predictions.items()])
        return
    labels = list(next(iter(predictions.values()))) if predictions else []
    rows = [[name, *(_cell(values[label]) for label in labels)] for name, values in predictions.items()]
    write_table(["checkpoint", *labels], rows)


def _space(arguments: argparse.Namespace) -> Any:
    """The weight space that --module or --space says; None where neither is given."""
    from weightspace.space import WeightSpace

    if arguments.module and arguments.space:
        raise ValueError("--module says the weight space already: leave out --space.")
    if not arguments.module:
        return arguments.space
    net, inputs = load_factory(arguments)
    return WeightSpace.trace(net, *inputs)


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"
