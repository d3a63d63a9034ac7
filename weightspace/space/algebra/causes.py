"""Why axes are fixed: each keeps what was being read when that was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CAUSE: ContextVar[str] = ContextVar("cause", default="")


@contextmanager
def because(clause: str) -> Iterator[None]:
    """Axes fixed inside keep this clause, such as ``"it is the module's output"``; an empty one keeps theirs."""
    token = _CAUSE.set(clause or _CAUSE.get())
    try:
        yield
    finally:
        _CAUSE.reset(token)


def cause_now() -> str:
    """What is being read."""
    return _CAUSE.get()
