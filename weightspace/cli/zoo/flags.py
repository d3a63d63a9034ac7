"""Flags that several commands on zoos share."""

import argparse
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Adds ``--data-root``."""
    parser.add_argument(
        "--data-root",
        metavar="DIR",
        help="where images lie: DIR/mnist with the IDX files, or DIR/NAME with folders of images by class "
        "(CLASS/*.png, or train/CLASS and test/CLASS) or one .npz (x and y, or x_train, y_train, x_test, y_test); "
        "without it, WEIGHTSPACE_DATA or the Hub",
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Adds ``--import``."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="the Python module whose functions make the recipe's nets or data; a recipe alone can't import code",
    )


def apply_flags(arguments: argparse.Namespace) -> None:
    """Imports the modules, from the working directory too, and checks the data folder.

    Raises:
        ValueError: a module that cannot be imported, or a data folder that is none.
    """
    for module in arguments.imports:
        import_here(module, f"--import {module}")
    check_data_root(arguments)


def import_here(module: str, flag: str) -> None:
    """Imports a module that was typed on the command line, from the working directory too.

    Raises:
        ValueError: it can't be imported; begins with the flag.
    """
    sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"{flag}: {error}; run the command where {module} can be imported") from None
    finally:
        sys.path.remove(os.getcwd())


def check_data_root(arguments: argparse.Namespace) -> None:
    """Sees that the folder where images lie is one; `weightspace.cli.main` runs every command with it.

    Raises:
        ValueError: ``--data-root`` is no folder.
    """
    if arguments.data_root is not None and not Path(arguments.data_root).is_dir():
        raise ValueError(f"--data-root {arguments.data_root} is no folder")


def numbers(text: str) -> list[int]:
    """The numbers of ``0-15,40``."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise argparse.ArgumentTypeError(f"must be numbers like 3, 0-15 or 0-15,40, got {text!r}")
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def choose_nets(view: Any, nets: list[int]) -> Any:
    """The states of some nets of a view of a zoo.

    Raises:
        ValueError: the view lacks one of them.
    """
    import pyarrow.compute as pc

    known = set(view.table["net"].to_pylist())
    missing = [net for net in nets if net not in known]
    if missing:
        raise ValueError(f"{view.address} has no net {missing[0]} to choose; it has {len(known)} such nets.")
    return view.filter(pc.field("net").isin(nets))
