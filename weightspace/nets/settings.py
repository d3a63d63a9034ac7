"""Reading a frozen dataclass from plain settings, with errors that name the key."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from weightspace.reading import shorten

T = TypeVar("T")

LARGEST_WHOLE = 2**63 - 1


def read_settings(config: type[T], settings: Mapping[str, Any], where: str = "") -> T:
    """Makes ``config`` from ``settings`` and refuses what it does not know.

    Args:
        config: a frozen dataclass whose fields are JSON types (lists come in as tuples).
        settings: field names and values.
        where: put before error texts, for example the file and the table that the settings come from.

    Raises:
        ValueError: an unknown key, or a value that ``config`` itself refuses.
        TypeError: a value of the wrong type.
    """
    hints = field_types(config)
    where = f"{where}: " if where else ""
    for key in settings:
        if key not in hints:
            raise ValueError(
                f"{where}unknown key {key!r} for {config.__qualname__}; known are {', '.join(sorted(hints))}"
            )
    values = {key: coerce(value, hints[key], f"{where}{key}") for key, value in settings.items()}
    try:
        return config(**values)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def field_types(config: type) -> dict[str, Any]:
    """The types of a dataclass's fields, by name."""
    hints = typing.get_type_hints(config)
    return {field.name: hints[field.name] for field in dataclasses.fields(config)}


def coerce(value: Any, kind: Any, where: str) -> Any:
    """Fits a JSON value to a type: lists become tuples, whole numbers become floats where floats are asked for.

    Raises:
        TypeError: the value does not fit; the text starts with ``where``.
        ValueError: a whole number beyond 64 bits.
    """
    _check_sizes(value, where)
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for option in options:
        fits, result = _fit(value, option)
        if fits:
            return result
    wanted = " or ".join(_words(option) for option in options)
    raise TypeError(f"{where} must be {wanted}, got {shorten(value)}, which is {_words(type(value))}")


def _check_sizes(value: Any, where: str) -> None:
    if isinstance(value, list | tuple):
        for item in value:
            _check_sizes(item, where)
    elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
        raise ValueError(
            f"{where} must be at least {-LARGEST_WHOLE:,} and at most {LARGEST_WHOLE:,}, got {shorten(value)}"
        )


def takes_list(kind: Any) -> bool:
    """Whether a field of this type can hold a list itself."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return any(typing.get_origin(option) is tuple for option in options)


def _fit(value: Any, kind: Any) -> tuple[bool, Any]:
    if kind is type(None):
        return value is None, None
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            return False, None
        fitted = [_fit(item, typing.get_args(kind)[0]) for item in value]
        return all(fits for fits, _ in fitted), tuple(item for _, item in fitted)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool, value
    if kind is float and isinstance(value, int | float):
        return True, float(value)
    return isinstance(value, kind), value


def _words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"a list of {_words(typing.get_args(kind)[0])}s".replace("list of a ", "list of ")
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false", type(None): "nothing"}
    return names.get(kind, f"a {kind.__name__}" if isinstance(kind, type) else str(kind))
