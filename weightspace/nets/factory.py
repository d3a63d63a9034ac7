"""Nets of one's own: a function that returns a module, known by its import path."""

import dataclasses
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from weightspace.nets.net import example_normal

TASKS = ("classify", "fit")


class NetFactory:
    """A function that makes modules from JSON settings, so that recipes can name it; see ``net_factory``.

    Args:
        function: of a module, not of a class or another function, so that ``package.module:name`` finds it again.
        inputs: shape of one example, without the batch.
        task: ``classify``, or ``fit`` for nets that map coordinates to values.

    Raises:
        ValueError: a lambda or a function inside a function, or an unknown task.
        TypeError: a parameter without a type.
    """

    def __init__(self, function: Callable[..., nn.Module], inputs: tuple[int, ...], task: str = "classify"):
        if "<" in function.__qualname__ or "." in function.__qualname__:
            raise ValueError(
                f"{function.__qualname__} cannot be found again by its name: write a def at the top of a module"
            )
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
        functools.update_wrapper(self, function)
        self.function, self.inputs, self.task = function, tuple(inputs), task
        self.Config = settings_type(function)

    def __call__(self, *args: Any, **settings: Any) -> nn.Module:
        return self.function(*args, **settings)

    @property
    def path(self) -> str:
        """``package.module:name``.

        Raises:
            ValueError: the function lies in the script that runs, which no other process can import.
        """
        if self.function.__module__ == "__main__":
            name = self.function.__name__
            raise ValueError(
                f"{name} lies in the script that runs (__main__), where no other process finds it: move it to a "
                f"module, for example my_nets.py, and write 'from my_nets import {name}'"
            )
        return f"{self.function.__module__}:{self.function.__name__}"

    @property
    def code(self) -> str:
        """Hex digest of the function's source, which tells that it has changed."""
        try:
            content = inspect.getsource(self.function).encode()
        except OSError:  # there is no source file
            content = self.function.__code__.co_code
        return hashlib.sha256(content).hexdigest()[:16]

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
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
        module.__dict__["settings"] = plain  # nn.Module's own setattr is for parameters and modules
        module.__dict__["example_inputs"] = functools.partial(_examples, self.inputs)
        return module


def net_factory(inputs: tuple[int, ...], task: str = "classify") -> Callable[[Callable[..., nn.Module]], NetFactory]:
    """Lets recipes use a function that returns an ``nn.Module``; its parameters are what ``[net]`` may set.

    Every parameter has a JSON type (int, float, bool, str, ``tuple[int, ...]``) or a default of one. The module is
    trained stacked by ``torch.func``, so its forward may not branch on values nor draw random numbers, except in
    ``nn.Dropout``, which takes its rate from the recipe.

    A zoo stores the import path and nothing else of the code. To open such a zoo, import the module first:
    no file can make weightspace import code.

    Args:
        inputs: shape of one example, without the batch.
        task: ``classify``, or ``fit`` for nets that map coordinates to values.

    Example:
        >>> @net_factory(inputs=(1, 8, 8))
        ... def thin(width: int = 8) -> nn.Module:
        ...     return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    """
    return lambda function: NetFactory(function, inputs, task)


def find_factory(path: str) -> NetFactory:
    """The factory of an import path; its module must have been imported, and it must have been marked as a factory.

    Raises:
        ValueError: the module is not imported, or has no such factory.
    """
    module, _, name = path.partition(":")
    if module not in sys.modules:
        raise ValueError(
            f"net {path!r} is made by a Python module, and no file can make weightspace import one: "
            f"if you trust it, 'import {module}' first (command line: --import {module})"
        )
    found = vars(sys.modules[module]).get(name)  # a module's own __getattr__ may import others
    if not isinstance(found, NetFactory):
        raise ValueError(f"{module} has no net factory {name!r}: mark the function with @net_factory(inputs=...)")
    assert found.path  # refuses the script that runs
    return found


def settings_type(function: Callable[..., Any]) -> type:
    """A frozen dataclass of a function's parameters."""
    fields = []
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        kind, default = parameter.annotation, parameter.default
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{function.__name__} may not take *{parameter.name}: name every setting")
        if kind is parameter.empty and default is parameter.empty:
            raise TypeError(f"{function.__name__}: parameter {parameter.name} must have a type or a default")
        kind = type(default) if kind is parameter.empty else kind
        value = dataclasses.field() if default is parameter.empty else dataclasses.field(default=default)
        fields.append((parameter.name, types.GenericAlias(tuple, (int, ...)) if kind is tuple else kind, value))
    return dataclasses.make_dataclass(function.__name__, fields, frozen=True)


def _examples(shape: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    return (example_normal(2, *shape),)
