"""The module that checkpoints are of: given, made by a function, or found by name, ``my_nets:resnet``."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from weightspace.suggest import suggestion

ModuleSource: TypeAlias = nn.Module | Callable[..., nn.Module] | str
"""A module, a function or class that gives one, or the name of such a function: ``MODULE:NAME``."""


def make_module(source: ModuleSource, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """The `nn.Module` that a source means.

    Args:
        settings: arguments of the function.

    Raises:
        ValueError: no such module or name, a call that fails, or something else than an `nn.Module`.
    """
    factory = _named(source) if isinstance(source, str) else source
    title = source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)
    try:
        net = factory if isinstance(factory, nn.Module) else factory(**(settings or {}))
    except Exception as error:
        raise ValueError(f"{title} couldn't be called: {type(error).__name__}: {error}.") from error
    if not isinstance(net, nn.Module):
        raise ValueError(f"{title} must give an nn.Module, got {type(net).__name__}.")
    return net


def example_inputs(net: nn.Module, inputs: Sequence[Tensor] | Tensor | None = None) -> tuple[Tensor, ...]:
    """What a module is run on: ``inputs`` if they are given, else what its ``example_inputs()`` gives.

    Raises:
        ValueError: neither is there.
    """
    if inputs is None and not hasattr(net, "example_inputs"):
        raise ValueError(
            f"{type(net).__name__} has no example_inputs(), so what it is run on must be said: --input 2,1,8,8, or "
            "inputs=torch.randn(2, 1, 8, 8)."
        )
    found: Any = inputs if inputs is not None else net.example_inputs()  # type: ignore[operator]
    return (found,) if isinstance(found, torch.Tensor) else tuple(found)


def _named(path: str) -> Any:
    name, _, attribute = path.partition(":")
    if not name or not attribute:
        raise ValueError(
            f"A net must be named as MODULE:NAME, like my_nets:resnet for the file my_nets.py, got {path!r}."
        )
    module = _import(name)
    if not hasattr(module, attribute):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ValueError(f"{module.__file__} has no {attribute!r}{suggestion(attribute, known)}.")
    return getattr(module, attribute)


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
            f"There is no {name.replace('.', '/')}.py in {folder}, nor an installed {name}{hint}."
        ) from None
    except Exception as error:
        raise ValueError(f"{name} can't be imported: {type(error).__name__}: {error}.") from error
    here = folder / f"{name}.py"
    if here.is_file() and Path(module.__file__ or "").resolve() != here.resolve():
        raise ValueError(f"{here} has the name of another module, {module.__file__ or name}: rename the file.")
    return module
