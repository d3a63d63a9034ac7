"""Joining zoos."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from weightspace.machine.whole_file import whole_file
from weightspace.zoo.folder.folder import RECIPE, shard_path
from weightspace.zoo.folder.manifest import close_zoo
from weightspace.zoo.folder.shard import check_regular
from weightspace.zoo.folder.spaces import read_spaces
from weightspace.zoo.zoo import Zoo


def merge_zoos(paths: Sequence[str | Path], out: str | Path, name: str = "merged") -> Zoo:
    """Copies several finished zoos into one.

    Nets and runs are numbered on, so that runs stay apart; column ``source`` says which zoo (and recipe) a row came
    from, and the recipes stand in ``sources/``. A merged zoo is read like any other, but not built on.

    Raises:
        ValueError: fewer than two zoos, zoos whose columns of one name differ in type, a file of another size than its
            manifest says, or a folder that is not empty.
    """
    out = Path(out)
    zoos = [Zoo(path) for path in paths]
    if len(zoos) < 2:
        raise ValueError(f"merging needs at least two zoos, got {len(zoos)}")
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty; choose another folder")
    tables, spaces, shards, nets = [], {}, 0, 0
    for k, zoo in enumerate(zoos):
        tables.append(_renumbered(zoo, k, shards, nets))
        spaces |= {name: stored.entry.value for name, stored in read_spaces(zoo.path).items()}
        for shard in zoo.table["shard"].unique().to_pylist():
            _copy(_whole(zoo, zoo.shard(shard)), shard_path(out, shards + shard))
        _copy_recipe(zoo, out, k)
        shards += max(zoo.table["shard"].to_pylist()) + 1
        nets += max(zoo.table["net"].to_pylist()) + 1
    try:
        table = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowTypeError as error:
        raise ValueError(f"these zoos have columns that do not fit together: {error}") from None
    card = f"# {name}\n\nMerged from {', '.join(z.manifest['name'] for z in zoos)}.\n"
    varied = sorted({name for zoo in zoos for name in zoo.hyperparameters})
    nets = len(table["net"].unique())
    close_zoo(out, name=name, recipe="merged", nets=nets, table=table, spaces=spaces, hyperparameters=varied, card=card)
    return Zoo(out)


def _renumbered(zoo: Zoo, k: int, shards: int, nets: int) -> pa.Table:
    table = zoo.table
    for column, offset in (("net", nets), ("run", nets), ("shard", shards)):
        moved = pa.array(table[column].to_numpy() + offset, table.schema.field(column).type)
        table = table.set_column(table.column_names.index(column), column, moved)
    source = f"{k}:{zoo.manifest['name']}:{zoo.manifest['recipe']}"
    return table.append_column("source", pa.array([source] * len(table), pa.string()))


def _copy_recipe(zoo: Zoo, out: Path, k: int) -> None:
    if (zoo.path / RECIPE).exists():
        name = re.sub(r"[^\w.-]+", "_", zoo.manifest["name"])[:60]  # a name may hold anything, slashes too
        _copy(_whole(zoo, zoo.path / RECIPE), out / "sources" / f"{k}-{name}.toml")


def _whole(zoo: Zoo, path: Path) -> Path:
    """A file that has the size that the manifest says, so that a damaged one can't fill the disk."""
    wanted = zoo.manifest.get("sizes", {}).get(path.relative_to(zoo.path).as_posix())
    if wanted is not None and path.is_file() and path.stat().st_size != wanted:
        raise ValueError(f"{path} must have {wanted:,} bytes, as its manifest says, got {path.stat().st_size:,}")
    return path


def _copy(source: Path, target: Path) -> None:
    check_regular(source)
    with whole_file(target) as path:
        shutil.copyfile(source, path)
