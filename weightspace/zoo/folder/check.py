"""Reading and checking an index before it is trusted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weightspace.zoo.folder.manifest import INDEX, MANIFEST, SPACES
from weightspace.zoo.folder.shard import check_regular

NEEDED = ("net", "run", "space", "step", "split", "shard", "row", "checksum", "status", "seconds")
PARTS = ("train", "val", "test")
WHOLE = ("net", "run", "step", "shard", "row")
TEXT = ("space", "split", "checksum", "status")
NUMBERS = ("epoch", "seconds", "gap", "mse", "psnr", *(f"{part}_{of}" for part in PARTS for of in ("loss", "accuracy")))
MOST = {"net": 2**53, "run": 2**53, "step": 2**53, "shard": 2**31}


def read_index(path: Path) -> pa.Table:
    """The table of an index.

    Raises:
        OSError: there is no such file.
        ValueError: it isn't a whole Parquet file, or two of its columns share a name.
    """
    check_regular(path)
    try:
        table = pq.read_table(path)
        names = table.column_names
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} must be a whole Parquet file ({reason}); fetch or build the zoo again") from None
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} must have each column once, but has {twice!r} twice")
    return table


def check_index(path: Path, table: pa.Table, spaces: Mapping[str, Any], axes: Sequence[str]) -> None:
    """Refuses an index that lacks a column, names a shard by anything but a number, or an unknown space.

    Because shards are numbers, no index can point out of its folder; rows are checked when a shard is read.

    Args:
        path: the zoo's folder. spaces: by name. axes: the hyperparameters that the manifest names.

    Raises:
        ValueError: names the file and the column.
    """
    for name in NEEDED:
        if name not in table.column_names:
            raise ValueError(f"{path / INDEX} lacks column {name}")
        kind = table.schema.field(name).type
        if name in WHOLE and not pa.types.is_integer(kind):
            raise ValueError(f"{path / INDEX}: column {name} must hold whole numbers, but holds {kind}")
        if name in TEXT and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"{path / INDEX}: column {name} must hold text, but holds {kind}")
        if table[name].null_count and name != "seconds":
            raise ValueError(f"{path / INDEX}: column {name} must have a value in every row")
    if not len(table):
        raise ValueError(f"{path / INDEX} must have a row for every saved state, but has none")
    for name in table.column_names:
        _check_plain(path, name, table.schema.field(name).type)
    for name, most in MOST.items():
        values = table[name].to_numpy()
        if values.min() < 0 or values.max() > most:
            raise ValueError(f"{path / INDEX}: column {name} must not be negative, and at most {most}")
    for name in axes:
        if name not in table.column_names:
            raise ValueError(f"{path / MANIFEST} names the hyperparameter {name!r}, which {INDEX} lacks")
    for name in table["space"].unique().to_pylist():
        if name not in spaces:
            raise ValueError(f"{path / SPACES} does not know space {name}, which the index names")


def _check_plain(path: Path, name: str, kind: pa.DataType) -> None:
    """See that a column holds what a row can say in JSON, and numbers where everybody has them."""
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
    if name in NUMBERS and not number:
        raise ValueError(f"{path / INDEX}: column {name} must hold numbers, but holds {kind}")
    if not (number or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{path / INDEX}: column {name} must hold numbers, text, or true and false, but holds {kind}")
