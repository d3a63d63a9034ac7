"""Functions of somebody's own that files may name by their import path, ``package.module:name``."""

import dataclasses
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar


class NamedFunction:
    """A function that was marked, so that recipes can name it; its parameters are what they may set.

    Args:
        function: of a module, not of a class or another function, so that ``package.module:name`` finds it again.

    Raises:
        ValueError: a lambda or a function inside a function.
        TypeError: a parameter without a type.
    """

    what: ClassVar[str]
    """What the function makes, in one word, for errors."""
    mark: ClassVar[str]
    """The decorator, as it is typed."""

    def __init__(self, function: Callable[..., Any]):
        if "<" in function.__qualname__ or "." in function.__qualname__:
            raise ValueError(
                f"{function.__qualname__} cannot be found again by its name: write a def at the top of a module"
            )
        functools.update_wrapper(self, function)
        self.function = function
        self.Config = settings_type(function)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return self.function(*args, **settings)

    @property
    def path(self) -> str:
        """``package.module:name``.

        Raises:
            ValueError: the function lies in the script that runs, which no other process can import.
        """
        if self.function.__module__ == "__main__":
            name = self.function.__name__
            module = f"my_{self.what}" if self.what.endswith("data") else f"my_{self.what}s"
            raise ValueError(
                f"{name} lies in the script that runs (__main__), where no other process finds it: move it to a "
                f"module, for example {module}.py, and write 'from {module} import {name}'"
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


Kind = TypeVar("Kind", bound=NamedFunction)


def find_named(path: str, kind: type[Kind]) -> Kind:
    """The function of an import path; its module must have been imported, and it must have been marked.

    Raises:
        ValueError: the module is not imported, or has no such function.
    """
    module, _, name = path.partition(":")
    if module not in sys.modules:
        raise ValueError(
            f"{kind.what} {path!r} is made by a Python module, and no file can make weightspace import one: "
            f"if you trust it, 'import {module}' first (command line: --import {module})"
        )
    found = vars(sys.modules[module]).get(name)  # a module's own __getattr__ may import others
    if not isinstance(found, kind):
        raise ValueError(f"{module} has no {kind.what} factory {name!r}: mark the function with {kind.mark}")
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
