"""Datasets by name."""

import functools
from collections.abc import Callable
from typing import Any

from .dataset import Dataset
from .digits import load_digits

DATASETS: dict[str, Callable[..., Dataset]] = {"digits": load_digits}


@functools.lru_cache(maxsize=4)
def load_dataset(name: str, **settings: Any) -> Dataset:
    """Loads a dataset of the list ``DATASETS``; the last few stay in memory.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> load_dataset("digits").input_shape
        (1, 8, 8)
    """
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}; known are {', '.join(DATASETS)}")
    return DATASETS[name](**settings)
