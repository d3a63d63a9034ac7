"""Tables in CSV files that others published: every cell is checked before it is used."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from weightspace.reading import Unread


def read_csv(
    path: Path, needed: Mapping[str, pa.DataType], known: Mapping[str, pa.DataType]
) -> list[dict[str, Unread]]:
    """The rows of a CSV file, each cell under the name of its column and yet to be checked.

    Args:
        path: may end in ``.gz``. needed: columns that must be there, and their types; known: those that may be. Types
            of all others are found by what stands in them.

    Raises:
        ValueError: not such a table, a value of another type than its column's, a column that is missing or there
            twice, or no rows; names the file and the place.
    """
    options = pyarrow.csv.ConvertOptions(column_types={**needed, **known})
    try:
        table = pyarrow.csv.read_csv(path, convert_options=options)
        names = table.column_names
    except (ValueError, OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} must be a table in CSV, but {str(error).splitlines()[0]}") from None
    missing, twice = [name for name in needed if name not in names], {name for name in names if names.count(name) > 1}
    if missing or twice:
        raise ValueError(
            f"{path} must have the columns {', '.join(needed)}, each column once; missing: "
            f"{', '.join(missing) or 'none'}, twice: {', '.join(sorted(twice)) or 'none'}."
        )
    if not len(table):
        raise ValueError(f"{path} must have rows below its names of columns, got none.")
    return [
        {name: Unread(value, f"{path}: row {number}, {name},") for name, value in row.items()}
        for number, row in enumerate(table.to_pylist(), 1)
    ]


def plain_cell(cell: Unread) -> str | int | float | bool | None:
    """A setting from a table: a number, text, true or false, or nothing; dates and the like as text."""
    return cell.value if isinstance(cell.value, str | int | float | None) else str(cell.value)


def column(values: list) -> pa.Array:
    """A column of JSON values of one type, or as text where they are of several; what is missing is null."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.null())
    if kinds <= {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: object) -> str:
    """Text that a table can hold; names of files may have bytes that aren't."""
    return str(value).encode("utf-8", "replace").decode()
