"""``ZOO@ROW``: one saved state of a zoo, as it is named where files are."""

from pathlib import Path

from weightspace.zoo import Zoo


def names_row(text: str | Path) -> bool:
    """Whether a text is ``ZOO@ROW`` and not the name of a file that is there."""
    return "@" in str(text) and not Path(text).exists() and "://" not in str(text).rpartition("@")[2]


def zoo_row(text: str | Path) -> Zoo:
    """The view of the one state that ``ZOO@ROW`` names.

    Raises:
        FileNotFoundError: there is no such zoo.
        ValueError: the row is none of the zoo's.
    """
    path, _, row = str(text).rpartition("@")
    zoo = Zoo(path)
    if not row.isdecimal() or int(row) >= len(zoo):
        raise ValueError(f"{text}: the row must be a whole number below {len(zoo)}, got {row!r}.")
    return zoo[int(row) : int(row) + 1]
