"""``ZOO@ROW``: one saved state of a zoo, as it is named where files are."""

from pathlib import Path

from weightspace.hub.weights import on_hub
from weightspace.zoo import Zoo
from weightspace.zoo.remote import is_remote


def names_row(text: str | Path) -> bool:
    """Whether a text is ``ZOO@ROW`` and not the name of a file that is there.

    What stands behind the @ of a URL is a revision, unless it is a whole number: ``hf://datasets/owner/name@v2@7``.
    """
    place, _, row = str(text).rpartition("@")
    if is_remote(str(text)):
        return bool(place) and not on_hub(text) and row.isdecimal()
    return bool(place) and not Path(text).exists()


def names_zoo(text: str | Path) -> bool:
    """Whether a text is a whole zoo: a folder with its manifest, or a URL that is no row and no model of the Hub."""
    if is_remote(str(text)):
        return not on_hub(text) and not names_row(text)
    return (Path(text) / "manifest.json").is_file()


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
