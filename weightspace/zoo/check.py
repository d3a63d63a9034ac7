"""Checking an index before it is trusted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from weightspace.zoo.manifest import INDEX, SPACES

NEEDED = ("net", "run", "space", "step", "split", "shard", "row", "checksum", "status")
WHOLE = ("net", "run", "step", "shard", "row")


def check_index(path: Path, table: pa.Table, spaces: Mapping[str, Any]) -> None:
    """Refuses an index that lacks a column, names a shard by anything but a number, or an unknown space.

    Because shards are numbers, no index can point out of its folder; rows are checked when a shard is read.

    Raises:
        ValueError: names the file and the column.
    """
    for name in NEEDED:
        if name not in table.column_names:
            raise ValueError(f"{path / INDEX} lacks column {name}")
    for name in WHOLE:
        kind = table.schema.field(name).type
        if not pa.types.is_integer(kind):
            raise ValueError(f"{path / INDEX}: column {name} must hold whole numbers, but holds {kind}")
    if len(table) and table["shard"].to_numpy().min() < 0:
        raise ValueError(f"{path / INDEX}: column shard must not be negative")
    for name in table["space"].unique().to_pylist():
        if name not in spaces:
            raise ValueError(f"{path / SPACES} does not know space {name}, which the index names")
