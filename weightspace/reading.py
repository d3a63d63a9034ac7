"""Text from outside: read through types, so that an error names the place in the text before anything is built.

    root = read_json(path.read_bytes(), "config.json")
    fields = root.fields("name", "widths", optional=("seed",))
    name = fields["name"].text()
    widths = [width.whole(least=1) for width in fields["widths"].items()]   # config.json: widths[2] must be ...

A frozen dataclass is read whole by its annotations: ``read_json(text, "config.json").record(Settings)``.
"""

import json
import tomllib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LONGEST_SHOWN = 60
_MOST_DIGITS = 400
_MOST_BYTES = 2**28


def read_json(text: str | bytes, where: str) -> "Unread":
    """The value of a JSON text, to be checked; ``where`` begins every error.

    Raises:
        ValueError: it isn't UTF-8 or not JSON, is nested too deeply, or names one key twice.
    """
    text = decode_text(text, where) if isinstance(text, bytes) else text
    try:
        return Unread(json.loads(text, object_pairs_hook=_unique, parse_int=_whole), where)
    except RecursionError:
        raise ValueError(f"{where} must be nested less deeply.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{where} must be JSON text: {error.msg} at {place}.") from None
    except _Refused as error:
        raise ValueError(f"{where} {error}") from None


def read_toml(text: str, where: str) -> "Unread":
    """The value of a TOML text, to be checked; ``where`` begins every error.

    Raises:
        ValueError: it isn't TOML, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return Unread(tomllib.loads(text), where)
    except RecursionError:
        raise ValueError(f"{where} must be nested less deeply.") from None
    except ValueError as error:  # TOMLDecodeError, and too many digits
        raise ValueError(f"{where}: not valid TOML: {error}") from None


def decode_text(data: bytes, where: str) -> str:
    """The text of a file.

    Raises:
        ValueError: it isn't UTF-8; says where it stops to be.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} must be UTF-8 text: {error.reason} at byte {error.start}.") from None


def read_json_file(path: Path) -> "Unread":
    """The value of a JSON file, to be checked; its path begins every error. Raises as `read_text_file`, `read_json`."""
    return read_json(read_text_file(path), str(path))


def read_text_file(path: Path) -> str:
    """The text of a file.

    Raises:
        OSError: there is no such file, or it is a folder, a pipe or a device.
        ValueError: it isn't UTF-8, or larger than any text that is read here.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path} must be a file, got a folder, a pipe or a device.")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} must have {_MOST_BYTES:,} bytes at most, got {path.stat().st_size:,}.")
    return decode_text(path.read_bytes(), str(path))


class _Refused(Exception):
    """What JSON's own grammar lets through."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused(f"must name each key once, got {shorten(twice)} twice.")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise _Refused(f"must hold numbers of {_MOST_DIGITS} digits at most, got one of {len(digits)}.")
    return int(digits)


def shorten(value: Any) -> str:
    """A value as an error shows it: its `repr`, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]} ..."


@dataclass(frozen=True)
class Unread:
    """A value from outside that nothing has checked yet.

    Args:
        value: what JSON or TOML gave.
        place: where it stands, for example ``"config.json: widths[2]"``.
    """

    value: Any
    place: str

    def fail(self, expected: str) -> NoReturn:
        """Refuse this value: it must be ``expected``."""
        raise ValueError(f"{self.place} must be {expected}, got {shorten(self.value)}.")

    # ---- single values ----------------------------------------------------------------------------------------------

    def text(self, choices: Sequence[str] | None = None, longest: int | None = None) -> str:
        """Text that can be written as UTF-8; one of ``choices`` if they are given."""
        value = self.value
        if not isinstance(value, str):
            self.fail("text")
        if choices is not None and value not in choices:
            self.fail(f"one of {', '.join(choices)}")
        if longest is not None and len(value) > longest:
            self.fail(f"text of at most {longest} characters")
        if not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
            self.fail("text without half characters")
        return value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value

    def whole(self, least: int | None = None, most: int | None = None) -> int:
        """A whole number within bounds, both included."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not _within(value, least, most):
            self.fail(f"a whole number{_bounds(least, most)}")
        return value

    def number(
        self, least: int | float | None = None, most: int | float | None = None, finite: bool = True
    ) -> int | float:
        """A number within bounds, both included; infinities and NaN only with ``finite=False``."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"a number{_bounds(least, most)}")
        if isinstance(value, int) and abs(value) > 1e300:
            self.fail("a number that a float can hold")
        if finite and not (isfinite(value) and _within(value, least, most)):
            self.fail(f"a finite number{_bounds(least, most)}")
        return value

    # ---- values with parts ------------------------------------------------------------------------------------------

    def items(self, length: int | None = None) -> list["Unread"]:
        """The entries of a list."""
        if not isinstance(self.value, list | tuple):
            self.fail("a list")
        if length is not None and len(self.value) != length:
            self.fail(f"a list of {length}")
        return [Unread(item, f"{self.place}[{index}]") for index, item in enumerate(self.value)]

    def entries(self) -> dict[str, "Unread"]:
        """The values of a table of any keys."""
        if not isinstance(self.value, Mapping):
            self.fail("a table")
        separator = "." if ": " in self.place else ": "
        found = {key: Unread(value, f"{self.place}{separator}{key}") for key, value in self.value.items()}
        for key in found:
            Unread(key, f"{self.place}: a key").text()
        return found

    def fields(self, *required: str, optional: Sequence[str] = ()) -> dict[str, "Unread"]:
        """The values of a table of known keys; optional ones may be missing."""
        found, known = self.entries(), [*required, *optional]
        missing, unknown = [key for key in required if key not in found], [key for key in found if key not in known]
        if missing or unknown:
            raise ValueError(
                f"{self.place} must have the keys {', '.join(known)}; missing: {missing or 'none'}, "
                f"unknown: {', '.join(map(shorten, unknown)) or 'none'}."
            )
        return found

    def maybe(self, read: Callable[["Unread"], T]) -> T | None:
        """None, or else what ``read`` makes of the value: ``field.maybe(Unread.whole)``."""
        return None if self.value is None else read(self)

    def inner(self) -> "Unread":
        """Itself; or where it is text the JSON value in that, as files had it that hold texts inside texts."""
        return read_json(self.value, self.place) if isinstance(self.value, str) else self

    def plain(self) -> Any:
        """Any JSON value, as it is; its texts can be written and its numbers are finite."""
        if isinstance(self.value, Mapping):
            return {key: value.plain() for key, value in self.entries().items()}
        if isinstance(self.value, list | tuple):
            return [value.plain() for value in self.items()]
        if isinstance(self.value, str):
            return self.text()
        return self.value if self.value is None or isinstance(self.value, bool) else self.number()

    # ---- dataclasses ------------------------------------------------------------------------------------------------

    def record(self, kind: type[T], complete: bool = False) -> T:
        """A dataclass, each field by its annotation.

        Args:
            kind: its fields are ``str``, ``int``, ``float``, ``bool``, ``Literal``, dataclasses, and tuples, lists,
                mappings of text and options of these; ``Any`` takes every JSON value.
            complete: fields with a default must be there too.

        Raises:
            ValueError: names the field; also what the dataclass itself refuses, behind the place.
        """
        return _record(self, kind, complete)

    def typed(self, kind: Any, complete: bool = False) -> Any:
        """A value of any of the kinds that a field of `record` can have."""
        return _typed(self, kind, complete)


def _record(unread: Unread, kind: type[T], complete: bool) -> T:
    own = [field for field in fields(kind) if field.init]  # type: ignore[arg-type]
    needed = [f.name for f in own if complete or (f.default is MISSING and f.default_factory is MISSING)]
    rest = [field.name for field in own if field.name not in needed]
    types_of = get_type_hints(kind)
    found = unread.fields(*needed, optional=rest)
    values = {name: _typed(value, types_of[name], complete) for name, value in found.items()}
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{unread.place}: {error}") from error


def _typed(unread: Unread, kind: Any, complete: bool) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _one_of(unread, arguments, complete)
    if origin is Literal:
        return unread.value if unread.value in arguments else unread.fail(f"one of {', '.join(map(str, arguments))}")
    if origin in (tuple, list, Sequence):
        return _sequence(unread, origin, arguments, complete)
    if origin in (dict, Mapping):
        return {key: _typed(value, arguments[1], complete) for key, value in unread.entries().items()}
    if is_dataclass(kind):
        return unread.record(kind, complete)  # type: ignore[arg-type]
    plain: dict[Any, Callable[[], Any]] = {str: unread.text, bool: unread.flag, int: unread.whole}
    if kind in plain:
        return plain[kind]()
    return float(unread.number()) if kind is float else unread.plain()


def _sequence(unread: Unread, origin: Any, arguments: tuple[Any, ...], complete: bool) -> Any:
    fixed = origin is tuple and Ellipsis not in arguments
    items = unread.items(len(arguments) if fixed else None)
    kinds = arguments if fixed else arguments[:1] * len(items)
    values = [_typed(item, kind, complete) for item, kind in zip(items, kinds, strict=True)]
    return values if origin is list else tuple(values)


def _one_of(unread: Unread, kinds: tuple[Any, ...], complete: bool) -> Any:
    if unread.value is None and types.NoneType in kinds:
        return None
    errors = []
    for kind in [kind for kind in kinds if kind is not types.NoneType]:
        try:
            return _typed(unread, kind, complete)
        except ValueError as error:
            errors.append(error)
    raise errors[-1]


def _within(value: int | float, least: int | float | None, most: int | float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: int | float | None, most: int | float | None) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return f" of at least {least}" if least is not None else f" of at most {most}" if most is not None else ""
