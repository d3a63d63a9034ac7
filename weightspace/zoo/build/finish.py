"""Closing a zoo: its index, spaces, card, and last its manifest."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from weightspace.data import load_signals
from weightspace.inr.convention import Convention
from weightspace.machine.whole_file import whole_file
from weightspace.nets import Architecture
from weightspace.zoo.build.shards import shard_count, shard_nets
from weightspace.zoo.card import dataset_card
from weightspace.zoo.folder.folder import SHARDS, part_path, shard_path
from weightspace.zoo.folder.manifest import INDEX, MANIFEST, close_zoo
from weightspace.zoo.folder.spaces import space_entry, trace_architecture
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.trial import draw_trial


def finish_zoo(recipe: Recipe, out: Path) -> None:
    """Writes what a zoo needs beside its shards; the manifest comes last and says that the zoo is whole."""
    shards = range(shard_count(recipe))
    table = pa.concat_tables(pq.read_table(part_path(out, shard)) for shard in shards)
    spaces: dict[str, Any] = {}
    for net in range(recipe.nets):
        architecture = draw_trial(recipe, net).architecture
        if architecture.id not in spaces:
            convention = _convention(recipe, architecture) if recipe.task == "fit" else None
            spaces[architecture.id] = space_entry(architecture, trace_architecture(architecture), convention)
    _remove_other_shards(out, shards)
    close_zoo(
        out,
        name=recipe.name,
        recipe=recipe.hash,
        nets=recipe.nets,
        table=table,
        spaces=spaces,
        hyperparameters=list(recipe.varied),
        card=dataset_card(recipe, table, spaces),
    )


def _remove_other_shards(out: Path, shards: range) -> None:
    """Deletes the shards of a longer zoo that was never finished."""
    wanted = {shard_path(out, shard).name for shard in shards}
    for path in (out / SHARDS).glob("[0-9]*.safetensors"):
        if path.name not in wanted:
            path.unlink()


def _convention(recipe: Recipe, architecture: Architecture) -> Convention:
    signals = load_signals(grid=recipe.fit.grid, **recipe.data)
    complete = Architecture.of(architecture.build())
    return Convention(complete, signals.shape, signals.grid, signals.peak, low=signals.low)


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
            with whole_file(part_path(out, shard)) as path:
                pq.write_table(table.filter(pc.field("shard") == shard), path)
    (out / MANIFEST).unlink()
