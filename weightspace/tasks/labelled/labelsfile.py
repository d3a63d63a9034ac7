"""Labels of checkpoints in a CSV file: the file's name, then a column a label."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

SPLIT, RUN = "split", "run"
"""Columns that are no labels: the part that a net is in (train, val, test), and what keeps nets in one part."""


@dataclass(frozen=True)
class LabelsFile:
    """What a CSV file says of checkpoints.

    Args:
        path: of the file.
        columns: all but the first.
        rows: name of the checkpoint -> column -> text.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: str | Path) -> "LabelsFile":
        """Reads a CSV file with a line of titles.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it isn't UTF-8, has no labels, lines of different lengths, or a name twice.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file of labels {path}.")
        try:
            lines = [line for line in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if line]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} must be CSV in UTF-8, got {error}.") from None
        if len(lines) < 2 or len(lines[0]) < 2:
            raise ValueError(f"{path} must have a line of titles, the file's name first, and a line a checkpoint.")
        title, rows = [name.strip() for name in lines[0]], {}
        for number, line in enumerate(lines[1:], 2):
            if len(line) != len(title):
                raise ValueError(f"{path}, line {number} must have {len(title)} entries, got {len(line)}.")
            if line[0] in rows:
                raise ValueError(f"{path}, line {number} must name another file, got {line[0]} again.")
            rows[line[0]] = dict(zip(title[1:], map(str.strip, line[1:]), strict=True))
        return cls(path, tuple(title[1:]), rows)

    def rows_of(self, files: Sequence[Path]) -> list[Mapping[str, str]]:
        """The row of each file, by its path, its name, or its name without the ending.

        Raises:
            ValueError: a file has none.
        """
        found = [next((self.rows[key] for key in _keys(file) if key in self.rows), None) for file in files]
        missing = [str(file) for file, row in zip(files, found, strict=True) if row is None]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            names = ", ".join(missing[:5])
            raise ValueError(f"{self.path} must have a line for every checkpoint, but has none for {names}{more}.")
        return [row for row in found if row is not None]

    def names(self, wanted: Sequence[str] = ()) -> tuple[str, ...]:
        """The labels: those that are wanted, else all columns of numbers, else the one column of words.

        Raises:
            ValueError: an unknown column, or several columns without one of numbers.
        """
        unknown = [name for name in wanted if name not in self.columns]
        if unknown:
            raise ValueError(f"A label must be a column of {self.path}: {', '.join(self.columns)}; got {unknown[0]!r}.")
        own = tuple(name for name in self.columns if name not in (SPLIT, RUN))
        numbers = tuple(name for name in own if all(is_number(row[name]) for row in self.rows.values()))
        if not wanted and not numbers and len(own) != 1:
            raise ValueError(f"{self.path} has several columns of words: {', '.join(own)}. Say which one is the label.")
        return tuple(wanted) or numbers or own


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _keys(file: Path) -> tuple[str, ...]:
    return str(file), file.as_posix(), file.name, file.stem
