"""Nets of one's own: a function that returns a module, known by its import path."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from weightspace.nets.named import NamedFunction, find_named
from weightspace.nets.net import example_normal

TASKS = ("classify", "fit")


class NetFactory(NamedFunction):
    """A function that makes modules from JSON settings, so that recipes can name it; see ``net_factory``.

    Args:
        function: of a module, not of a class or another function, so that ``package.module:name`` finds it again.
        inputs: shape of one example, without the batch.
        task: ``classify``, or ``fit`` for nets that map coordinates to values.
        whole: examples are whole numbers, as token ids are.

    Raises:
        ValueError: a lambda or a function inside a function, or an unknown task.
        TypeError: a parameter without a type.
    """

    what = "net"
    mark = "@net_factory(inputs=...)"

    def __init__(
        self, function: Callable[..., nn.Module], inputs: tuple[int, ...], task: str = "classify", whole: bool = False
    ):
        super().__init__(function)
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
        self.inputs, self.task, self.whole = tuple(inputs), task, whole

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """What the function returns; a module knows its settings and example inputs, as one of `build` does."""
        module = self.function(*args, **settings)
        if isinstance(module, nn.Module):
            given = inspect.signature(self.function).bind(*args, **settings)
            given.apply_defaults()
            self._mark(module, given.arguments)
        return module

    def build(self, config: Any, seed: int = 0) -> nn.Module:
        """The module of a configuration; whatever it draws depends on ``seed`` alone.

        Raises:
            TypeError: the function returned something else than a module.
        """
        settings = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.function(**settings)
        if not isinstance(module, nn.Module):
            raise TypeError(f"{self.function.__name__} must return an nn.Module, but returned {type(module).__name__}")
        self._mark(module, settings)
        return module

    def _mark(self, module: nn.Module, settings: dict[str, Any]) -> None:
        module.__dict__["net_factory"] = f"{self.function.__module__}:{self.function.__name__}"
        module.__dict__["settings"] = settings  # nn.Module's own setattr is for parameters and modules
        module.__dict__["example_inputs"] = functools.partial(_examples, self.inputs, self.whole)


def net_factory(
    inputs: tuple[int, ...], task: str = "classify", whole: bool = False
) -> Callable[[Callable[..., nn.Module]], NetFactory]:
    """Lets recipes use a function that returns an ``nn.Module``; its parameters are what ``[net]`` may set.

    Every parameter has a JSON type (int, float, bool, str, ``tuple[int, ...]``) or a default of one. The module is
    trained stacked by ``torch.func`` if it can be: its forward may not branch on values nor draw random numbers,
    except in ``nn.Dropout``, which takes its rate from the recipe. Nets that can't be stacked are trained one by one.

    A zoo stores the import path and nothing else of the code. To open such a zoo, import the module first:
    no file can make weightspace import code.

    Args:
        inputs: shape of one example, without the batch.
        task: ``classify``, or ``fit`` for nets that map coordinates to values.
        whole: examples are whole numbers, as token ids are.

    Examples:
        >>> @net_factory(inputs=(1, 8, 8))
        ... def thin(width: int = 8) -> nn.Module:
        ...     return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    """
    return lambda function: NetFactory(function, inputs, task, whole)


def find_factory(path: str) -> NetFactory:
    """The net factory of an import path; see ``find_named``."""
    return find_named(path, NetFactory)


def _examples(shape: tuple[int, ...], whole: bool) -> tuple[torch.Tensor, ...]:
    if whole:
        return (torch.randint(0, 2, (2, *shape), generator=torch.Generator().manual_seed(0)),)
    return (example_normal(2, *shape),)
