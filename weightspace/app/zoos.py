"""Zoos as the page shows them: opened once, their columns, and one net in words."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from weightspace.markdown import table_lines
from weightspace.zoo import Zoo
from weightspace.zoo.folder.folder import PARTS, manifest_stamp
from weightspace.zoo.remote import is_remote

_NOT_SHOWN = {"shard", "row", "checksum", "reason", "space"}
SCORES = ("test_accuracy", "psnr", "test_loss", "val_accuracy", "accuracy")


def open_zoo(text: str) -> Zoo:
    """The zoo of a folder, a URL or a name on the Hub; opened again when it was built anew.

    Raises:
        ValueError: nothing was typed. FileNotFoundError: no zoo, or one that is still being built; says how far it is.
    """
    place = text.strip()
    if not place:
        raise ValueError("Type the folder of a zoo, or hf://datasets/owner/name.")
    if not is_remote(place):
        place = str(Path(place).expanduser())
        parts = len(list((Path(place) / PARTS).glob("*.parquet"))) if (Path(place) / PARTS).is_dir() else 0
        if manifest_stamp(Path(place)) is None and (parts or (Path(place) / ".lock").is_file()):
            raise FileNotFoundError(f"{place} is still being built: {parts} shards are done. Open it when it is whole.")
    return _opened(place, manifest_stamp(Path(place)))


@lru_cache(maxsize=8)
def _opened(place: str, stamp: object) -> Zoo:
    del stamp
    return Zoo(place)


@lru_cache(maxsize=8)
def last_states(zoo: Zoo) -> Zoo:
    """The last state of every net."""
    return zoo.final()


def shown_columns(zoo: Zoo) -> list[str]:
    """The columns that can be drawn."""
    return [name for name in zoo.table.column_names if name not in _NOT_SHOWN]


def first_columns(zoo: Zoo) -> tuple[str, str, str]:
    """What is drawn at first: a hyperparameter, a score, and a colour."""
    names = shown_columns(zoo)
    numbers = [name for name in names if pa.types.is_floating(zoo.table.schema.field(name).type)]
    score = next((name for name in SCORES if name in names), numbers[-1] if numbers else names[0])
    axes = [name for name in zoo.hyperparameters if name in numbers]
    drawn = axes or [name for name in ("label", "net") if name in names]
    colour = next((name for name in ("label", "gap", "split") if name in names and name != drawn[0]), names[0])
    return drawn[0], score, colour


def find_row(zoo: Zoo, net: int) -> int:
    """The row of a net's last state in `last_states`.

    Raises:
        ValueError: the zoo has no such net.
    """
    found = np.flatnonzero(last_states(zoo).table["net"].to_numpy() == net)
    if not len(found):
        raise ValueError(f"The zoo has no net {net}; its nets are numbered from {int(zoo.table['net'][0])} on.")
    return int(found[0])


def describe_net(row: dict[str, Any], hyperparameters: list[str]) -> str:
    """One net as Markdown: a table of its settings and scores."""
    shown = {name: value for name, value in row.items() if name not in _NOT_SHOWN and value is not None}
    reason = f"\n\nIt failed: {row['reason']}" if row.get("reason") else ""
    first = [name for name in hyperparameters if name in shown]
    names = [*first, *(name for name in shown if name not in first)]
    lines = table_lines(("", ""), ((name, _text(shown[name])) for name in names))
    return "\n".join([f"### Net {row['net']}{reason}", "", *lines, ""])


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", " ")
