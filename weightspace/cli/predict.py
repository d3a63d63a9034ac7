"""`weightspace predict`: what a trained metanet says of checkpoints."""

import argparse
from typing import Any

from weightspace.cli.console import write_json, write_table

_PREDICT = """\
Predicts from weights alone: reads checkpoints of the architecture that a metanet was trained on, and prints what the
metanet says of each, without running the nets on any data.

  weightspace predict runs/quickstart/metanet net.safetensors
  weightspace predict runs/quickstart/metanet one.safetensors two.safetensors folder-of-nets --json

Checkpoints are .safetensors files; pickles (.pt, .pth, .bin) are refused, and the message says how to convert them.
"""


def add_parser(commands: Any) -> None:
    """Adds `predict`."""
    parser = commands.add_parser(
        "predict",
        help="predict labels of nets from their weights",
        description=_PREDICT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("metanet", metavar="METANET", help="a folder that save_pretrained made, or a name on the Hub")
    parser.add_argument("checkpoints", metavar="CHECKPOINT", nargs="+", help=".safetensors files, or folders of them")
    parser.add_argument("--space", metavar="HASH", help="the weight space of the nets, where tensors don't tell it")
    parser.add_argument("--json", action="store_true", help="print a list of objects, one a checkpoint")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from weightspace.metanets import load_metanet
    from weightspace.tasks.predict import predict_files

    predictions = predict_files(load_metanet(arguments.metanet), arguments.checkpoints, space=arguments.space)
    if arguments.json:
        write_json([{"checkpoint": str(path), **values} for path, values in predictions.items()])
        return
    labels = list(next(iter(predictions.values())))
    rows = [[str(path), *(f"{values[label]:.4f}" for label in labels)] for path, values in predictions.items()]
    write_table(["checkpoint", *labels], rows)
