"""The manifest of a zoo: written last, it says that the zoo is whole and what belongs to it."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from weightspace import __version__
from weightspace.machine.whole_file import whole_file
from weightspace.reading import Unread, read_json, shorten
from weightspace.zoo.folder.shard import file_checksum

FORMAT = 1
INDEX, SPACES, MANIFEST, CARD = "index.parquet", "spaces.json", "manifest.json", "README.md"
NOT_NAMED = {MANIFEST, CARD, ".lock"}
"""Files that a manifest has no checksum of: itself, the card, which people write on, and the builder's lock."""


def close_zoo(
    out: Path,
    *,
    name: str,
    recipe: str,
    nets: int,
    table: pa.Table,
    spaces: Mapping[str, Any],
    hyperparameters: Sequence[str],
    card: str,
) -> None:
    """Writes what a zoo needs beside its shards: index, spaces, card, and last the manifest, which makes it whole."""
    with whole_file(out / INDEX) as path:
        pq.write_table(table, path)
    write_json(out / SPACES, spaces)
    with whole_file(out / CARD) as path:
        path.write_text(card, encoding="utf-8")
    write_manifest(out, name, recipe, nets, table, list(hyperparameters))


def write_manifest(out: Path, name: str, recipe: str, nets: int, table: pa.Table, hyperparameters: list[str]) -> None:
    """Writes the manifest: format, counts, checksum and size of every file of the folder, and a checksum of itself.

    Of the card, on which people may write, it keeps the text; see `lost_lines`.
    """
    names = zoo_files(out)
    manifest = {
        "format": FORMAT,
        "weightspace": __version__,
        "name": name,
        "recipe": recipe,
        "nets": nets,
        "states": len(table),
        "hyperparameters": hyperparameters,
        "files": {file: file_checksum(out / file) for file in names},
        "sizes": {file: (out / file).stat().st_size for file in names},
        "card": (out / CARD).read_text(encoding="utf-8"),
    }
    write_json(out / MANIFEST, {**manifest, "checksum": manifest_checksum(manifest)})


def zoo_files(out: Path) -> list[str]:
    """Every file that belongs to a zoo, below its folder; hidden ones, as a build's own, do not."""
    paths = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return [path.as_posix() for path in paths if path.name not in NOT_NAMED and not path.parts[0].startswith(".")]


def manifest_checksum(manifest: Mapping[str, Any]) -> str:
    """Hex SHA-256 of all that a manifest says beside its own checksum."""
    content = {key: value for key, value in manifest.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def parse_manifest(text: str | bytes, where: str) -> dict[str, Any]:
    """The manifest of a JSON text, each field checked.

    Raises:
        ValueError: names the place in the text, or a file that would lie outside of the zoo, or a newer format.
    """
    required = ("format", "name", "recipe", "nets", "states", "hyperparameters", "files")
    root = read_json(text, where)
    newest = root.entries().get("format", Unread(None, f"{where}: format")).whole(least=1)
    if newest > FORMAT:
        raise ValueError(f"{where} has format {newest}, but this version reads up to {FORMAT}; update weightspace")
    fields = root.fields(*required, optional=("weightspace", "checksum", "sizes", "card"))
    for key in ("name", "recipe", "card"):
        fields[key].text() if key in fields else None
    for key in ("nets", "states"):
        fields[key].whole(least=0)
    for axis in fields["hyperparameters"].items():
        axis.text()
    for name, checksum in fields["files"].entries().items():
        if not _inside(name):
            raise ValueError(f"{where} names {shorten(name)}, which leaves its folder")
        if not re.fullmatch("[0-9a-f]{64}", checksum.text()):
            checksum.fail("a SHA-256 of 64 hexadecimal digits")
    for size in fields["sizes"].entries().values() if "sizes" in fields else ():
        size.whole(least=0)
    return {key: field.value for key, field in fields.items()}


def lost_lines(card: str, now: str) -> list[str]:
    """The lines of a card, front matter left out, that no longer stand in a later one.

    People may write more on a card; what it said when the zoo was made must still be there.
    """
    there = set(_body(now))
    return [line for line in _body(card) if line and line not in there]


def _body(card: str) -> list[str]:
    lines = card.splitlines()
    if lines[:1] == ["---"] and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    return [line.rstrip() for line in lines]


def _inside(name: str) -> bool:
    """Whether a name is that of a file below a folder, on every system, and written in the one plain way."""
    path = PurePosixPath(name)
    plain = name == str(path) and name.isprintable() and not set(name) & set('\\:*?"<>|')
    return plain and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON file, all of it or nothing."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
