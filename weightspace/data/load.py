"""Datasets by name."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any

from weightspace.data.dataset import Dataset
from weightspace.data.digits import load_digits
from weightspace.data.images import ROOT, load_images
from weightspace.data.shapes import generate_shapes
from weightspace.data.signals import Signals, image_signals
from weightspace.data.sources import SOURCES
from weightspace.data.waves import generate_waves
from weightspace.suggest import suggestion

SIGNALS: dict[str, Callable[..., Signals]] = {"shapes": generate_shapes, "waves": generate_waves}
DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": load_digits,
    **{name: functools.partial(load_images, name) for name in SOURCES},
}


def data_settings(name: str, task: str) -> dict[str, Any]:
    """The settings that a dataset (task ``classify``) or signals (``fit``) take, with their types.

    Raises:
        ValueError: an unknown name; lists the known ones.
    """
    known = {**SIGNALS, **DATASETS} if task == "fit" else DATASETS
    if name not in known:
        raise ValueError(f"unknown data {name!r}; known are {', '.join(known)}{suggestion(name, known)}")
    taken = known[name].args if isinstance(known[name], functools.partial) else ()
    parameters = list(inspect.signature(getattr(known[name], "func", known[name])).parameters.values())[len(taken) :]
    return {p.name: p.annotation for p in parameters if p.name != "standardize"}


def load_dataset(name: str, **settings: Any) -> Dataset:
    """Loads a dataset of the list ``DATASETS``; the last few stay in memory, for each folder in ``WEIGHTSPACE_DATA``.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> load_dataset("digits").input_shape
        (1, 8, 8)
    """
    return _dataset(name, os.environ.get(ROOT), **settings)


@functools.lru_cache(maxsize=4)
def _dataset(name: str, root: str | None, **settings: Any) -> Dataset:
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}; known are {', '.join(DATASETS)}{suggestion(name, DATASETS)}")
    return DATASETS[name](**settings)


def load_signals(name: str, grid: str = "corners", **settings: Any) -> Signals:
    """Loads signals of the list ``SIGNALS``, or the images of a dataset as signals with values in [0, 1].

    Raises:
        ValueError: an unknown name or grid.

    Example:
        >>> load_signals("digits").values.shape
        torch.Size([1797, 1, 64])
    """
    return _signals(name, os.environ.get(ROOT), grid, **settings)


@functools.lru_cache(maxsize=2)
def _signals(name: str, root: str | None, grid: str, **settings: Any) -> Signals:
    if name in SIGNALS:
        return SIGNALS[name](**settings)
    if name not in DATASETS:
        raise ValueError(f"unknown signals {name!r}; known are {', '.join([*SIGNALS, *DATASETS])}")
    return image_signals(DATASETS[name](standardize=False, **settings), grid)
