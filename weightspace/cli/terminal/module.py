"""`my_nets:resnet` on a command line: a net that a Python file makes, and what to run it on."""

import argparse
import json
import logging
from typing import Any

FACTORY = """\
MODULE:NAME is a function or a class of a Python file in the current folder (or of an installed package) that gives an
nn.Module when it is called. What the net is run on comes from its method example_inputs(), which gives a tuple of
tensors, or from --input with the shape: --input 2,1,8,8; for whole numbers, as token ids are, --input 2,16:int.
"""


def add_factory(parser: argparse.ArgumentParser, flag: str | None = None) -> None:
    """Adds MODULE:NAME, as an argument or behind a flag, and the flags ``--settings`` and ``--input``."""
    text = "a function or class that gives an nn.Module: my_nets:resnet"
    if flag is None:
        parser.add_argument("module", metavar="MODULE:NAME", help=text)
    else:
        parser.add_argument(flag, dest="module", metavar="MODULE:NAME", help=text)
    add_call(parser)


def add_call(parser: argparse.ArgumentParser) -> None:
    """Adds the flags ``--settings`` and ``--input``, which say how MODULE:NAME is called and run."""
    parser.add_argument(
        "--settings", type=json_object, default={}, metavar="JSON", help="its arguments: '{\"width\": 8}'"
    )
    parser.add_argument(
        "--input", dest="inputs", type=_input, action="append", metavar="SHAPE", help="shape of an input: 2,1,8,8"
    )


def load_factory(arguments: argparse.Namespace) -> tuple[Any, tuple[Any, ...]]:
    """The net that MODULE:NAME makes, and example inputs for it.

    Raises:
        ValueError: no such module or name, a call that fails, something else than a module, or no inputs.
    """
    from weightspace.checkpoints import example_inputs, make_module

    logging.getLogger("torch").setLevel(logging.CRITICAL)  # what can't be traced is said once, by the error
    net = make_module(arguments.module, arguments.settings)
    return net, example_inputs(net, _inputs(arguments.inputs))


def _inputs(shapes: list[tuple[tuple[int, ...], bool]] | None) -> tuple[Any, ...] | None:
    import torch

    if not shapes:
        return None
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randint(0, 2, shape, generator=generator) if whole else torch.randn(shape, generator=generator)
        for shape, whole in shapes
    )


def _input(text: str) -> tuple[tuple[int, ...], bool]:
    shape, _, kind = text.partition(":")
    sizes = shape.split(",")
    if kind not in ("", "int") or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"must be sizes like 2,1,8,8 or 2,16:int, got {text!r}")
    return tuple(map(int, sizes)), kind == "int"


def json_object(text: str) -> dict[str, Any]:
    """The type of a flag that takes a JSON object."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON: {error}") from None
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError(f'must be a JSON object like {{"width": 8}}, got {text!r}')
    return settings
