"""Closing a zoo: its index, spaces, card, and last its manifest."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weightspace import __version__
from weightspace.data import load_signals
from weightspace.nets import net_settings

from .card import dataset_card
from .convention import Convention
from .folder import CARD, FORMAT, INDEX, MANIFEST, SPACES, part_path, shard_path
from .job import shard_count, shard_nets
from .recipe import Recipe
from .shard import atomic, file_checksum
from .spaces import architecture_id, build_architecture, trace_architecture
from .trial import draw_trial


def finish_zoo(recipe: Recipe, out: Path) -> None:
    """Writes what a zoo needs beside its shards; the manifest comes last and says that the zoo is whole."""
    shards = range(shard_count(recipe))
    table = pa.concat_tables(pq.read_table(part_path(out, shard)) for shard in shards)
    spaces = {}
    for net in range(recipe.nets):
        architecture = draw_trial(recipe, net).architecture
        if architecture_id(architecture) not in spaces:
            space = trace_architecture(architecture).to_dict()
            spaces[architecture_id(architecture)] = {"architecture": json.loads(architecture), "space": space}
            if recipe.task == "fit":
                spaces[architecture_id(architecture)]["convention"] = _convention(recipe, architecture).to_dict()
    with atomic(out / INDEX) as path:
        pq.write_table(table, path)
    _write_json(out / SPACES, spaces)
    with atomic(out / CARD) as path:
        path.write_text(dataset_card(recipe, table, spaces), encoding="utf-8")
    write_manifest(out, recipe.name, recipe.hash, recipe.nets, table, list(recipe.axes))
    shutil.rmtree(out / ".build", ignore_errors=True)


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
    _write_json(out / MANIFEST, manifest)


def _convention(recipe: Recipe, architecture: str) -> Convention:
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    net = build_architecture(architecture)
    return Convention(recipe.net, net_settings(net), signals.shape, signals.grid, signals.peak, low=signals.low)


def reopen_parts(out: Path, recipe: Recipe, manifest: dict | None) -> None:
    """Prepares a finished zoo to grow: its full shards count as finished, the manifest goes.

    Raises:
        ValueError: the zoo is longer than what is asked for.
    """
    if manifest is None:
        return
    if manifest["nets"] > recipe.nets:
        raise ValueError(
            f"{out} holds {manifest['nets']} nets of this recipe, but {recipe.nets} were asked for; "
            f"it begins with them: open it and filter net < {recipe.nets}"
        )
    table = pq.read_table(out / INDEX)
    for shard in range(shard_count(recipe)):
        if shard_nets(recipe, shard).stop <= manifest["nets"]:
            with atomic(part_path(out, shard)) as path:
                pq.write_table(table.filter(pc.field("shard") == shard), path)
    (out / MANIFEST).unlink()


def _write_json(path: Path, value: dict) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
