"""Datasets by name."""

import functools
import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from weightspace.data.colours import load_coloured_digits
from weightspace.data.dataset import PARTS, Dataset
from weightspace.data.digits import load_digits
from weightspace.data.files.sources import SOURCES
from weightspace.data.images import load_images, own_folder
from weightspace.data.own import DataFactory
from weightspace.data.shapes import generate_shapes
from weightspace.data.signals import Signals, image_signals
from weightspace.data.waves import generate_waves
from weightspace.machine.data_root import data_root
from weightspace.nets.named import find_named
from weightspace.nets.settings import field_types
from weightspace.suggest import suggestion

SIGNALS: dict[str, Callable[..., Signals]] = {"shapes": generate_shapes, "waves": generate_waves}
DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": load_digits,
    "coloured-digits": load_coloured_digits,
    **{name: functools.partial(load_images, name) for name in SOURCES},
}


def data_settings(name: str, task: str) -> dict[str, Any]:
    """The settings that a dataset (task ``classify``) or signals (``fit``) take, with their types.

    Raises:
        ValueError: an unknown name; lists the known ones.
    """
    source = find_data(name, task)
    if isinstance(source, DataFactory):
        return field_types(source.Config)
    taken = source.args if isinstance(source, functools.partial) else ()
    parameters = list(inspect.signature(getattr(source, "func", source)).parameters.values())[len(taken) :]
    return {p.name: p.annotation for p in parameters if p.name != "standardize"}


def find_data(name: str, task: str = "classify") -> Callable[..., Any] | DataFactory:
    """What gives the data of a name: one of the lists, a folder of that name, or a function ``package.module:name``.

    Raises:
        ValueError: an unknown name, with the known ones; or a function whose module isn't imported.
    """
    if ":" in name:
        return find_named(name, DataFactory)
    known = {**SIGNALS, **DATASETS} if task == "fit" else DATASETS
    if name in known:
        return known[name]
    if own_folder(name) is not None:
        return _of_folder(name)
    raise ValueError(
        f"unknown data {name!r}; known are {', '.join(known)}{suggestion(name, known)}; your own are a folder "
        f"DIR/{name} with --data-root DIR (or WEIGHTSPACE_DATA=DIR), or a function module:name with {DataFactory.mark}"
    )


def data_code(name: str, **settings: Any) -> str:
    """Hex digest of what a name of one's own stands for: the function's source, or all pixels and labels of a folder.

    Empty for the data that the package knows.
    """
    if ":" in name:
        return find_named(name, DataFactory).code
    if name in {**SIGNALS, **DATASETS}:
        return ""
    return examples_code(load_dataset(name, standardize=False, **settings))


def examples_code(data: Dataset | Signals) -> str:
    """Hex digest of all examples and labels."""
    digest = hashlib.sha256()
    if isinstance(data, Signals):
        tensors = [data.values, data.labels, data.parts]
    else:
        tensors = [tensor for part in PARTS for tensor in data.part(part)]
    for tensor in tensors:
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_dataset(name: str, **settings: Any) -> Dataset:
    """Loads a dataset: one of ``DATASETS``, the images of a folder of that name, or what a function gives.

    The last few stay in memory, for each state of the folder in ``WEIGHTSPACE_DATA``.

    Raises:
        ValueError: an unknown name, or signals where examples with labels are needed.

    Examples:
        >>> load_dataset("digits").input_shape
        (1, 8, 8)
    """
    return _dataset(find_data(name), data_root(), own_folder(name), **settings)


@functools.lru_cache(maxsize=4)
def _dataset(source: Any, root: str | None, folder: tuple[Any, ...] | None, **settings: Any) -> Dataset:
    if not isinstance(source, DataFactory):
        return source(**settings)
    found = source.load(**settings)
    if not isinstance(found, Dataset):
        raise ValueError(f"{source.path} gives signals, which nets of coordinates are fitted to; here it must give "
                         "examples with labels")  # fmt: skip
    return found


def load_signals(name: str, grid: str = "corners", **settings: Any) -> Signals:
    """Loads signals of the list ``SIGNALS``, or the images of a dataset as signals with values in [0, 1].

    Raises:
        ValueError: an unknown name or grid, or a dataset that isn't of images in [0, 1].

    Examples:
        >>> load_signals("digits").values.shape
        torch.Size([1797, 1, 64])
    """
    return _signals(find_data(name, "fit"), data_root(), own_folder(name), grid, **settings)


@functools.lru_cache(maxsize=2)
def _signals(source: Any, root: str | None, folder: tuple[Any, ...] | None, grid: str, **settings: Any) -> Signals:
    if source in SIGNALS.values():
        return source(**settings)
    if not isinstance(source, DataFactory):
        return image_signals(source(standardize=False, **settings), grid)
    found = source.load(**settings)
    return found if isinstance(found, Signals) else image_signals(found, grid)


@functools.lru_cache(maxsize=16)
def _of_folder(name: str) -> Callable[..., Dataset]:
    return functools.partial(load_images, name)
