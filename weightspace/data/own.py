"""Data of one's own: a function that gives examples, known by its import path."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weightspace.data.dataset import Dataset, split_dataset
from weightspace.data.signals import Signals
from weightspace.nets.named import NamedFunction

WHAT_IT_GIVES = (
    "a pair (x, y) of inputs and whole labels, a torch Dataset of such pairs, a weightspace.data.Dataset, or for nets "
    "of coordinates weightspace.data.Signals"
)


class DataFactory(NamedFunction):
    """A function that gives examples, so that recipes can name it; see ``data_factory``."""

    what = "data"
    mark = "@data_factory"

    def load(self, **settings: Any) -> Dataset | Signals:
        """What the function gives, as a dataset or signals.

        Raises:
            ValueError, TypeError: it gives something else, or examples that can't be trained on; says what.
        """
        given, name = self.function(**settings), self.path
        if isinstance(given, Signals):
            return given
        if isinstance(given, Dataset):
            return dataclasses.replace(given, name=name)
        x, y = _pair(given, name)
        return _cut(name, x, y)


def data_factory(function: Callable[..., Any]) -> DataFactory:
    """Lets recipes use a function that gives examples; its parameters are what ``[data]`` may set.

    It returns inputs and labels ``(x, y)`` as tensors or arrays, a map-style ``torch.utils.data.Dataset`` of such
    pairs, or a `Dataset` or `Signals` whose parts are cut already. Of a pair a tenth is kept to choose on and a fifth
    to test on, by one shuffle. Inputs may have any shape: pictures ``[n, channels, height, width]``, rows of a table
    ``[n, columns]``, token ids ``[n, length]``; floating inputs become float32, whole ones stay whole, and nothing
    scales them. The function must give the same at every call.

    A zoo stores the import path and nothing else of the code, so import the module before you open it.

    Raises:
        ValueError: a lambda or a function inside a function.
        TypeError: a parameter without a type.

    Examples:
        >>> @data_factory
        ... def moons(count: int = 500) -> tuple[Tensor, Tensor]:
        ...     x, y = sklearn.datasets.make_moons(count, noise=0.1, random_state=0)
        ...     return torch.tensor(x), torch.tensor(y)
    """
    return DataFactory(function)


def _pair(given: Any, name: str) -> tuple[Tensor, Tensor]:
    if isinstance(given, tuple) and len(given) == 2:
        x, y = given
    elif (
        hasattr(given, "__len__") and hasattr(given, "__getitem__") and not isinstance(given, str | dict | list | tuple)
    ):
        pairs = [given[i] for i in range(len(given))]
        if not pairs or not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            raise TypeError(f"{name} must give {WHAT_IT_GIVES}; its entries are no pairs of an input and a label")
        x, y = torch.stack([torch.as_tensor(np.asarray(x)) for x, _ in pairs]), [int(y) for _, y in pairs]
    else:
        raise TypeError(f"{name} must give {WHAT_IT_GIVES}; it gives {_kind(given)}")
    try:
        return torch.as_tensor(x), torch.as_tensor(y)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name}: inputs and labels must be tensors or arrays of numbers: {error}") from None


def _kind(given: Any) -> str:
    return "nothing: does it return?" if given is None else f"a {type(given).__name__}"


def _cut(name: str, x: Tensor, y: Tensor) -> Dataset:
    if x.dtype == torch.uint8:
        raise ValueError(f"{name}: pixels in bytes must be scaled first (x / 255); whole inputs are token ids")
    if y.dim() != 1 or y.is_floating_point() or y.is_complex():
        kind = str(y.dtype).removeprefix("torch.")
        raise ValueError(f"{name}: labels must be one whole number an example, got {kind} of shape {tuple(y.shape)}")
    if len(x) != len(y) or len(y) < 3:
        raise ValueError(
            f"{name}: there must be as many labels as inputs, three at least, got {len(x)} inputs and {len(y)} labels"
        )
    x = x.float() if x.is_floating_point() else x.long()
    return split_dataset(name, x, y, max(1, len(x) // 10), max(1, len(x) // 5), seed=0)
