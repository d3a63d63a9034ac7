"""Writing TOML."""

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import ConvertError


def write_toml(content: Mapping[str, Any]) -> str:
    """TOML of JSON types: plain keys first, then a table for every mapping; deeper mappings stand inline.

    Raises:
        TypeError: a value that TOML has no words for; names its key.
    """
    document = tomlkit.document()
    for key, value in content.items():
        if not isinstance(value, Mapping):
            document.add(key, _item(value, key))
    for key, table in content.items():
        if isinstance(table, Mapping):
            entries = tomlkit.table()
            for name, value in table.items():
                entries.add(name, _item(value, f"{key}.{name}"))
            document.add(key, entries)
    return tomlkit.dumps(document)


def _item(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, _item(inner, f"{where}.{key}"))
        return table
    if isinstance(value, list | tuple):
        array = tomlkit.array()
        for inner in value:
            array.append(_item(inner, where))
        return array
    try:
        return tomlkit.item(value)
    except ConvertError:
        raise TypeError(
            f"{where} must be a string, a number, true or false, a list or a table, got {value!r}"
        ) from None
