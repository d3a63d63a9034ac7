"""`my_nets:resnet` on a command line: a net that a Python file makes, and what to run it on."""

import argparse
import importlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

from weightspace.suggest import suggestion

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
    parser.add_argument(
        "--settings", type=_settings, default={}, metavar="JSON", help="its arguments: '{\"width\": 8}'"
    )
    parser.add_argument(
        "--input", dest="inputs", type=_input, action="append", metavar="SHAPE", help="shape of an input: 2,1,8,8"
    )


def load_factory(arguments: argparse.Namespace) -> tuple[Any, tuple[Any, ...]]:
    """The net that MODULE:NAME makes, and example inputs for it.

    Raises:
        ValueError: no such module or name, a call that fails, something else than a module, or no inputs.
    """
    logging.getLogger("torch").setLevel(logging.CRITICAL)  # what can't be traced is said once, by the error
    net = make_net(arguments.module, arguments.settings)
    return net, _example_inputs(net, arguments.module, arguments.inputs)


def make_net(path: str, settings: dict[str, Any] | None = None) -> Any:
    """The `nn.Module` that the function or class ``MODULE:NAME`` gives.

    Raises:
        ValueError: no such module or name, a call that fails, or something else than a module.
    """
    from torch import nn

    name, _, attribute = path.partition(":")
    if not name or not attribute:
        raise ValueError(
            f"a net must be named as MODULE:NAME, like my_nets:resnet for the file my_nets.py, got {path!r}."
        )
    module = _import(name)
    if not hasattr(module, attribute):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ValueError(f"{module.__file__} has no {attribute!r}{suggestion(attribute, known)}.")
    factory = getattr(module, attribute)
    try:
        net = factory if isinstance(factory, nn.Module) else factory(**(settings or {}))
    except Exception as error:
        raise ValueError(f"{path} couldn't be called: {type(error).__name__}: {error}.") from error
    if not isinstance(net, nn.Module):
        raise ValueError(f"{path} must give an nn.Module, got {type(net).__name__}.")
    return net


def _import(name: str) -> Any:
    """A module of the current folder or of an installed package; of two with one name neither is taken."""
    folder = Path.cwd()
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # at the end: a file here doesn't take the place of an installed module
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".")[0] and error.name != name:
            raise ValueError(f"{name} can't be imported: {error}.") from error
        hint = suggestion(name, [path.stem for path in folder.glob("*.py")])
        raise ValueError(
            f"there is no {name.replace('.', '/')}.py in {folder}, nor an installed {name}{hint}."
        ) from None
    except Exception as error:
        raise ValueError(f"{name} can't be imported: {type(error).__name__}: {error}.") from error
    here = folder / f"{name}.py"
    if here.is_file() and Path(module.__file__ or "").resolve() != here.resolve():
        raise ValueError(f"{here} has the name of another module, {module.__file__ or name}: rename the file.")
    return module


def _example_inputs(net: Any, path: str, shapes: list[tuple[tuple[int, ...], bool]] | None) -> tuple[Any, ...]:
    import torch

    if shapes:
        generator = torch.Generator().manual_seed(0)
        return tuple(
            torch.randint(0, 2, shape, generator=generator) if whole else torch.randn(shape, generator=generator)
            for shape, whole in shapes
        )
    if not hasattr(net, "example_inputs"):
        raise ValueError(f"{path} has no example_inputs(), so --input must say what it is run on: --input 2,1,8,8.")
    inputs = net.example_inputs()
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _input(text: str) -> tuple[tuple[int, ...], bool]:
    shape, _, kind = text.partition(":")
    sizes = shape.split(",")
    if kind not in ("", "int") or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"must be sizes like 2,1,8,8 or 2,16:int, got {text!r}")
    return tuple(map(int, sizes)), kind == "int"


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be JSON: {error}") from None
    if not isinstance(settings, dict):
        raise argparse.ArgumentTypeError(f'must be a JSON object like {{"width": 8}}, got {text!r}')
    return settings
