"""Split files, as DWSNets writes them: which net belongs to which part, and of which class it is."""

import re
from pathlib import Path

from weightspace.reading import Unread, read_json_file, shorten

PARTS = (("train", ("train", "training")), ("val", ("val", "valid", "validation")), ("test", ("test", "testing")))


def read_splits(path: Path) -> dict[str, tuple[str, int]]:
    """Part and class of every net that a DWSNets split file names, by the path as it stands there.

    Raises:
        ValueError: not such a file; names the place in it.
    """
    found = {}
    for part, listed in read_json_file(path).entries().items():
        if part not in dict(PARTS):
            raise ValueError(f"{path} must list nets for {', '.join(dict(PARTS))}, got {shorten(part)}.")
        places, labels = (listed.fields("path", "label")[key].items() for key in ("path", "label"))
        if len(places) != len(labels):
            raise ValueError(
                f"{path}: {part} must have a label for each of its {len(places)} paths, got {len(labels)}."
            )
        for place, label in zip(places, labels, strict=True):
            found[place.text()] = part, _class(label)
    return found


def _class(label: Unread) -> int:
    """The number of a class, which is written as text."""
    value = label.value
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        value = int(value)
    return Unread(value, label.place).whole(0, 10**9)
