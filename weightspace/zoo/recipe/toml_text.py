"""Writing TOML."""

import json
from collections.abc import Mapping
from typing import Any


def write_toml(content: Mapping[str, Any]) -> str:
    """TOML of JSON types: plain keys first, then a table for every mapping; deeper mappings stand inline.

    Raises:
        TypeError: a value that TOML has no words for; names its key.
    """
    lines = [f"{key} = {_value(value, key)}" for key, value in content.items() if not isinstance(value, Mapping)]
    for key, table in content.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{key}]", *(f"{name} = {_value(value, f'{key}.{name}')}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item, where) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_value(item, where)}' for key, item in value.items())}}}"
    raise TypeError(f"{where} must be a string, a number, true or false, a list or a table, got {value!r}")
