"""Turns an error of the user's into one line; an error of ours keeps its traceback."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from weightspace.cli.terminal.console import readable

_PACKAGE = str(Path(__file__).parents[2])
_USER_ERRORS = (ValueError, OSError)
_STATED = (TypeError, RuntimeError, KeyError, AttributeError)


def answer(name: str, run: Callable[[], int | None]) -> int:
    """Runs a command; returns its exit code.

    0: done. 2: the command can't be done as given; one line on standard error says why and what to do.
    130: interrupted. Anything unforeseen is raised, with its traceback; with WEIGHTSPACE_TRACEBACK=1 everything is.
    """
    try:
        return run() or 0
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What is finished stays; the same command goes on from there.\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if not is_users(error):
            raise
        sys.stderr.write(f"{name}: {message_of(error)}\n")
        return 2


def one_line_errors(script: str) -> None:
    """From here on an uncaught error of the user's is one line in a script too: ``one_line_errors(__file__)``."""
    name = Path(script).name

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            sys.stderr.write("\nInterrupted. What is finished stays; the same command goes on from there.\n")
        elif is_users(error):
            sys.stderr.write(f"{name}: {message_of(error)}\n")
        else:
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = hook


def is_users(error: BaseException) -> bool:
    """Whether an error says what a user did: of a kind that says it, or raised in words by this package."""
    if os.environ.get("WEIGHTSPACE_TRACEBACK"):
        return False
    if isinstance(error, _USER_ERRORS):
        return True
    if isinstance(error, ModuleNotFoundError):  # an extra that isn't installed; never a file of ours that has moved
        return not (error.name or "").startswith("weightspace")
    where = traceback.extract_tb(error.__traceback__)
    last = where[-1] if where else None
    ours = last is not None and last.filename.startswith(_PACKAGE) and (last.line or "").startswith("raise ")
    return isinstance(error, _STATED) and ours


def message_of(error: BaseException) -> str:
    """What an error says: one line, or the lines that it was written in."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}."
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    return "\n".join(map(readable, text.splitlines())) or type(error).__name__
