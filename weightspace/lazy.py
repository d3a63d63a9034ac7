"""Packages whose names are found when they are first used, so that importing one loads nothing heavy."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from weightspace.suggest import suggestion


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) whose names lie in modules that it doesn't import yet.

    Args:
        package: its ``__name__``.
        homes: module -> the names that come from it. None may be called like a file or folder of the package, which
            Python would put in its place.

    Example::

        __getattr__, __dir__ = lazy_names(__name__, {"weightspace.tasks.editing.editor": ["Editor"]})
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            known = sorted(home_of)
            raise AttributeError(f"{package} has no {name!r}; it has {', '.join(known)}{suggestion(name, known)}.")
        value = getattr(import_module(home_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return find, lambda: sorted(vars(sys.modules[package]).get("__all__", home_of))
