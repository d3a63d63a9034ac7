"""The manifest of a zoo: written last, it says that the zoo is whole and what belongs to it."""

import json
from pathlib import Path

import pyarrow as pa

from weightspace import __version__
from weightspace.machine.whole_file import whole_file
from weightspace.zoo.folder import FORMAT, INDEX, MANIFEST, SPACES, shard_path
from weightspace.zoo.shard import file_checksum


def write_manifest(out: Path, name: str, recipe: str, nets: int, table: pa.Table, axes: list[str]) -> None:
    """Writes the manifest: format, counts, and a checksum of every file that counts."""
    files = [out / INDEX, out / SPACES, *(shard_path(out, shard) for shard in table["shard"].unique().to_pylist())]
    manifest = {
        "format": FORMAT,
        "weightspace": __version__,
        "name": name,
        "recipe": recipe,
        "nets": nets,
        "states": len(table),
        "hyperparameters": axes,
        "files": {path.relative_to(out).as_posix(): file_checksum(path) for path in files},
    }
    write_json(out / MANIFEST, manifest)


def write_json(path: Path, value: dict) -> None:
    """Writes a JSON file, all of it or nothing."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
