"""What the page answers: an error of the user's is a sentence in the page, never a traceback."""

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from weightspace.cli.terminal.answer import is_users, message_of

LARGEST = 1_000_000_000
"""Bytes of the largest file that the page reads."""

_log = logging.getLogger(__name__)


def told(outputs: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps a function of the page: its first output is a message, empty where all went well.

    Args:
        outputs: of the function itself, beside the message. Where it fails they stay as they are.
    """
    import gradio

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*values: Any) -> tuple[Any, ...]:
            try:
                found = function(*values)
            except Exception as error:
                return (f"**{_sentence(error)}**", *([gradio.skip()] * outputs))
            return ("", *(found if isinstance(found, tuple) else (found,)))

        return run

    return wrap


def _sentence(error: Exception) -> str:
    if is_users(error):
        return _plain(message_of(error))
    _log.exception("the page could not answer")
    return _plain(f"That should not have happened: {type(error).__name__}: {error} The terminal has more.")


def _plain(text: str) -> str:
    """Text as Markdown shows it, letter by letter."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|~" else sign for sign in text.strip())


def small_file(upload: str | None, typed: str) -> Path:
    """The file that was dropped, or else whose path was typed.

    Raises:
        ValueError: neither; too large a file for the page.
        FileNotFoundError: there is no such file.
    """
    if not upload and not typed.strip():
        raise ValueError("Drop a checkpoint here, or type where it lies.")
    path = Path(upload or typed.strip()).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.stat().st_size > LARGEST:
        raise ValueError(
            f"{path.name} has {path.stat().st_size / 1e9:.1f} GB; the page reads files up to {LARGEST / 1e9:.0f} GB. "
            f"For larger ones there is the command line: weightspace predict METANET {path}"
        )
    return path
