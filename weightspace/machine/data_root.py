"""Where image collections lie on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ROOT = "WEIGHTSPACE_DATA"

_TOLD: ContextVar[str | None] = ContextVar("data_root", default=None)


def data_root() -> str | None:
    """The folder that `using_data_root` tells, or else the variable ``WEIGHTSPACE_DATA``; None where neither is set."""
    return _TOLD.get() or os.environ.get(ROOT)


@contextmanager
def using_data_root(folder: str | Path | None) -> Iterator[None]:
    """Takes image collections from a folder inside the block, in this thread alone; None changes nothing.

    Examples:
        >>> with using_data_root("data"):
        ...     load_dataset("mnist")
    """
    token = _TOLD.set(_TOLD.get() if folder is None else str(Path(folder).resolve()))
    try:
        yield
    finally:
        _TOLD.reset(token)
