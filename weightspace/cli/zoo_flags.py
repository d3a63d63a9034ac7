"""Flags that several commands on zoos share."""

import argparse
import importlib
import os
import sys
from pathlib import Path


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Adds ``--data-root``."""
    parser.add_argument(
        "--data-root",
        metavar="DIR",
        help="where image collections lie: DIR/mnist with the IDX files, DIR/NAME with an .npz (x_train, y_train, "
        "x_test, y_test) or folders train/CLASS and test/CLASS of images; without it, WEIGHTSPACE_DATA or the Hub",
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Adds ``--import``."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="Python module of the net factory in the recipe; nothing that a file names is imported by itself",
    )


def apply_flags(arguments: argparse.Namespace) -> None:
    """Imports the modules, from the working directory too, and sets the data folder.

    Raises:
        ValueError: a module that cannot be imported, or a data folder that is none.
    """
    for module in arguments.imports:
        sys.path.insert(0, os.getcwd())
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(f"--import {module}: {error}; run the command where {module} can be imported") from None
        finally:
            sys.path.remove(os.getcwd())
    if arguments.data_root is not None:
        if not Path(arguments.data_root).is_dir():
            raise ValueError(f"--data-root {arguments.data_root} is no folder")
        os.environ["WEIGHTSPACE_DATA"] = str(Path(arguments.data_root).resolve())
