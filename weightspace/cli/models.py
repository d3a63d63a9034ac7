"""Nets on a command line: checkpoints of an architecture that --module or --space names, and rows of a zoo."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightspace.cli.terminal.module import FACTORY, add_factory, load_factory
from weightspace.cli.zoo.flags import add_data_root, check_data_root, import_here

MODELS = f"""\
A net is a checkpoint of the architecture that --module makes; ZOO@ROW, the row of a zoo, which knows its own
architecture; or a folder of the transformers library (config.json and safetensors). All may lie on the Hub:
hf://owner/name, hf://owner/name@revision, hf://datasets/owner/zoo@3. --space takes a weight space in JSON, as
'weightspace symmetries --out' writes it, instead of --module.

{FACTORY}"""


@dataclass(frozen=True)
class Models:
    """Nets of one weight space: their names, weights and metadata, and a module of theirs where there is one."""

    space: Any
    names: tuple[str, ...]
    weights: tuple[dict[str, Any], ...]
    module: Any | None


def add_models(parser: argparse.ArgumentParser) -> None:
    """Adds the flags ``--module``, ``--settings``, ``--input`` and ``--space``."""
    add_factory(parser, "--module")
    parser.add_argument("--space", metavar="FILE", help="a weight space in JSON, instead of --module")


def expand(paths: Sequence[str]) -> list[str]:
    """Folders and patterns as the checkpoints in them; rows of zoos stay as they are.

    Raises:
        ValueError: a zoo without a row; says how to name one. A folder or a pattern without a checkpoint.
    """
    from weightspace.checkpoints import find_checkpoints
    from weightspace.checkpoints.library import is_library_folder
    from weightspace.hub.weights import on_hub
    from weightspace.tasks.labelled.row import names_row

    found: list[str] = []
    for path in paths:
        refuse_zoo(path)
        one = names_row(path) or on_hub(path) or is_library_folder(path)
        found += [path] if one else map(str, find_checkpoints([path]))
    return found


def here(path: str) -> str:
    """A net's place on this machine: what lies on the Hub is fetched.

    Raises:
        ValueError, FileNotFoundError, PermissionError, ConnectionError: as `fetch_weights` says.
    """
    from weightspace.hub.weights import fetch_weights, on_hub

    return str(fetch_weights(path)) if on_hub(path) else path


@contextmanager
def as_typed(places: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """What was typed, in place of where it lies on this machine, in texts and in the errors raised inside.

    Args:
        places: where each net lies -> how it was typed.
    """

    def typed(text: str) -> str:
        for place, asked in places.items():
            text = text if place == asked else text.replace(place, asked)
        return text

    try:
        yield typed
    except (ValueError, FileNotFoundError) as error:
        if typed(str(error)) == str(error):
            raise
        kind = ValueError if isinstance(error, ValueError) else FileNotFoundError
        raise kind(typed(str(error))) from error


def refuse_zoo(path: str) -> None:
    """See that a net isn't a whole zoo.

    Raises:
        ValueError: it is; says how its nets are named.
    """
    from weightspace.tasks.labelled.row import names_zoo

    if names_zoo(path):
        raise ValueError(f"{path} is a zoo: name its nets by their rows, {path}@0 {path}@1.")


def load_models(arguments: argparse.Namespace, paths: Sequence[str]) -> Models:
    """The nets that a command line names.

    Raises:
        ValueError: a checkpoint without --module or --space; nets of different spaces; a net that doesn't fit or
            isn't finite (it is named).
        FileNotFoundError: there is no such file.
    """
    from weightspace.align import check_same_space
    from weightspace.align.checks import ready
    from weightspace.checkpoints.library import is_library_folder, read_library_folder
    from weightspace.space import WeightSpace
    from weightspace.tasks.labelled.row import names_row

    module, known = None, None
    if arguments.module:
        module, inputs = load_factory(arguments)
        known = WeightSpace.trace(module, *inputs)
    elif arguments.space:
        known = WeightSpace.from_json(Path(arguments.space).read_text(encoding="utf-8"))
    weights, first = [], (known, "--module" if arguments.module else "--space")
    for path in paths:
        refuse_zoo(path)
        place = here(path)
        with as_typed({place: path}):
            if names_row(path):
                space, net, own = _row(path)
                module = own if module is None else module
            elif is_library_folder(place):
                own, inputs, net = read_library_folder(place)
                space, module = WeightSpace.trace(own, *inputs), own if module is None else module
            elif known is None:
                raise ValueError(f"{path} says nothing of its architecture: give --module MODULE:NAME or --space FILE.")
            else:
                space, net = known, _fitted(known, read_one(place), path)
        first = (space, path) if first[0] is None else first
        check_same_space(first[0], space, (first[1], path))  # pyright: ignore
        ready(space, net, path)
        weights.append(net)
    return Models(first[0], tuple(paths), tuple(weights), module)


def _fitted(space: Any, tensors: dict[str, Any], path: str) -> dict[str, Any]:
    from weightspace.checkpoints import fit_checkpoint

    try:
        return fit_checkpoint([space], tensors)[1]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_one(place: str) -> dict[str, Any]:
    """The tensors of a file, or of the only checkpoint in a folder."""
    from weightspace.checkpoints import find_checkpoints, read_checkpoint

    files = find_checkpoints([place])
    if len(files) != 1:
        raise ValueError(f"{place} must be one checkpoint, but holds {len(files)}.")
    return read_checkpoint(files[0])[0]


def _row(text: str) -> tuple[Any, dict[str, Any], Any]:
    """Space, weights and module of ``ZOO@ROW``; no module where a function makes it that wasn't imported."""
    from weightspace.tasks.labelled.row import zoo_row

    zoo, module = zoo_row(text), None
    with suppress(ValueError):
        module = zoo.module(0)
    return zoo.space, zoo[0][0], module


def add_data(parser: argparse.ArgumentParser, required: bool) -> None:
    """Adds the flags ``--data``, ``--data-root`` and ``--examples``."""
    parser.add_argument(
        "--data",
        required=required,
        metavar="NAME|FILE",
        help="a data set that recipes know, such as digits or mnist, a function my_data:moons, or a .safetensors file "
        "with the tensors x and y",
    )
    add_data_root(parser)
    parser.add_argument("--examples", type=int, default=2000, metavar="N", help="examples to use (%(default)s)")


def load_data(arguments: argparse.Namespace) -> tuple[Any, Any] | None:
    """Inputs and targets for ``--data``: of a data set its validation part; None without the flag.

    Raises:
        ValueError: an unknown data set, or a file without x and y.
    """
    if arguments.data is None:
        return None
    count = arguments.examples
    if count < 2:
        raise ValueError(f"--examples must be at least 2, got {count}.")
    if Path(arguments.data).is_file():
        from weightspace.checkpoints import read_checkpoint

        tensors, _ = read_checkpoint(arguments.data)
        if not {"x", "y"} <= set(tensors):
            raise ValueError(f"{arguments.data} must hold the tensors x and y, got {', '.join(tensors)}.")
        return tensors["x"][:count], tensors["y"][:count]
    from weightspace.data import load_dataset

    check_data_root(arguments)
    if ":" in arguments.data:
        import_here(arguments.data.partition(":")[0], f"--data {arguments.data}")
    data = load_dataset(arguments.data)
    return data.x_val[:count], data.y_val[:count]


def write_net(path: str, weights: dict[str, Any], about: dict[str, str]) -> None:
    """Writes a net as safetensors, with what it is as metadata."""
    from safetensors.torch import save_file

    from weightspace.machine.whole_file import whole_file

    if Path(path).suffix != ".safetensors":
        raise ValueError(f"--out must be a .safetensors file, got {path}.")
    with whole_file(Path(path)) as file:
        save_file({name: tensor.contiguous().clone() for name, tensor in weights.items()}, file, about)
