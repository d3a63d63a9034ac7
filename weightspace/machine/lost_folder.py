"""Working in a folder that was deleted meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def some_folder() -> Iterator[bool]:
    """If the current folder is gone, another one as long as the block runs; so a relative path still leads nowhere.
    Says whether it is gone.

    torch wants one twice: MKL doesn't find its library if torch is imported without, and torch.export asks for it.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        here = os.open(".", os.O_RDONLY)
        os.chdir("/")
        try:
            yield True
        finally:
            os.fchdir(here)
            os.close(here)
    else:
        yield False


def import_torch() -> None:
    """Imports torch if the current folder is gone; otherwise whoever needs it does."""
    with some_folder() as gone:
        if gone:
            import torch  # noqa: F401
