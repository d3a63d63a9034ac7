"""Reading a table of a recipe: fixed values, choices and ranges."""

from collections.abc import Mapping
from typing import Any

from weightspace.nets.settings import coerce, field_types, read_settings, takes_list
from weightspace.suggest import suggestion
from weightspace.zoo.recipe.faults import Faults
from weightspace.zoo.recipe.ranges import Choices, Range, Varied, ends


def read_ranges(table: Mapping[str, Any], config: type, where: str) -> dict[str, Any | Varied]:
    """Reads ``key = value``, ``key = [choices]`` or ``key = {low, high, log}``, checked against a dataclass.

    A list stands for choices, except where the field is itself a list: then write ``{choices = [...]}``.
    Every value, every choice and both ends of every range must be accepted by ``config``.

    Raises:
        ValueError: an unknown key, an empty list or range, a value that ``config`` refuses.
        TypeError: a value of the wrong type.
    """
    kinds, read, faults = field_types(config), {}, Faults()
    with faults.told():
        for key, value in table.items():
            if key not in kinds:
                hint = suggestion(key, kinds)
                faults.add(ValueError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(kinds))}{hint}"))
            else:
                read[key] = faults.without(read_range, value, kinds[key], f"{where}: {key}")
    fixed = {key: ends(value)[0] for key, value in read.items()}
    with faults.told():
        for key, value in read.items():
            for end in ends(value):
                faults.without(read_settings, config, {**fixed, key: end}, where)
    return read


def read_range(value: Any, kind: Any, where: str) -> Any | Varied:
    """Reads one value, choices or a range of type ``kind``."""
    try:
        if isinstance(value, Mapping):
            return _read_table(value, kind, where)
        if isinstance(value, list) and not takes_list(kind):
            return Choices(tuple(coerce(item, kind, where) for item in value))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return coerce(value, kind, where)


def _read_table(value: Mapping[str, Any], kind: Any, where: str) -> Varied:
    if set(value) == {"choices"}:
        return Choices(tuple(coerce(item, kind, where) for item in coerce(value["choices"], tuple[object, ...], where)))
    if {"low", "high"} <= set(value) <= {"low", "high", "log"}:
        log = coerce(value.get("log", False), bool, f"{where}.log")
        if kind is int:
            return Range(coerce(value["low"], int, where), coerce(value["high"], int, where), log, whole=True)
        if kind is not float:
            raise ValueError("only a number can have a range; use a list of choices")
        return Range(coerce(value["low"], float, where), coerce(value["high"], float, where), log)
    raise ValueError(f"a table must be {{low, high}}, {{low, high, log}} or {{choices}}, got keys {sorted(value)}")
