"""Whether what arrived from the Hub is what the Hub says it is."""

import hashlib
from pathlib import Path

_SHA256 = 64  # hex digits


def blobs(cache: Path) -> set[str]:
    """The names of the files that the cache of one repository holds: their SHA-256 where they are large."""
    folder = cache / "blobs"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def refuse_changed(path: Path, known: set[str]) -> None:
    """See that a file that has just arrived has the SHA-256 that the Hub names; it is removed if it hasn't.

    The Hub's client compares lengths, not contents.

    Args:
        path: of a snapshot in the cache. known: the `blobs` that were there before.

    Raises:
        ConnectionError: it has another one.
    """
    if not path.is_symlink():
        return
    blob = path.parent / path.readlink()
    if blob.name in known or len(blob.name) != _SHA256:
        return
    with blob.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != blob.name:
        path.unlink()
        blob.unlink()
        raise ConnectionError(f"the Hub names the SHA-256 {blob.name[:12]}..., what came has {found[:12]}...")
