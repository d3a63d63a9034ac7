"""Gathering the weights of many states from their shards."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.space import WeightSpace
from weightspace.zoo.folder.shard import open_shard, state_checksum


def gather_weights(find: Callable[[int], Path], table: pa.Table) -> dict[str, Tensor]:
    """The weights of the table's states, ``[rows, ...]``, in its order; one copy out of the mapped files.

    Runs of consecutive rows are copied as blocks.

    Args:
        find: the file of a shard, by its number. table: rows of an index.

    Raises:
        ValueError: several weight spaces, a damaged shard, or a row that a shard does not have.
    """
    space = only_space(table)
    shards = torch.from_numpy(table["shard"].to_numpy().copy())
    places = torch.from_numpy(table["row"].to_numpy().copy()).long()
    stacked: dict[str, Tensor] = {}
    for shard in shards.unique().tolist():
        here = (shards == shard).nonzero().flatten()
        file = find(shard)
        tensors = open_shard(file, space)
        if not tensors:
            raise ValueError(f"{file} has no weights of space {space}; check the zoo with verify")
        for name, whole in tensors.items():
            rows = _checked(places[here], whole, file)
            if name not in stacked:
                stacked[name] = whole.new_empty((len(table), *whole.shape[1:]))
            if (stacked[name].shape[1:], stacked[name].dtype) != (whole.shape[1:], whole.dtype):
                raise ValueError(f"{file}: {name} must have the shape and type that it has in the other shards")
            _copy(whole, rows, stacked[name], here)
    return stacked


def check_tensors(path: Path, space: WeightSpace, weights: dict[str, Tensor]) -> None:
    """Refuses weights that aren't those of their weight space: other names, shapes or types.

    Raises:
        ValueError: names the zoo and a tensor.
    """
    try:
        space.check(weights)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for name, tensor in weights.items():
        wanted = space.tensors[name].dtype
        if tensor.dtype != getattr(torch, wanted):
            raise ValueError(f"{path}: {name} must be of {wanted}, got {tensor.dtype}; fetch or build the zoo again")


def check_unchanged(path: Path, table: pa.Table, weights: dict[str, Tensor]) -> None:
    """Refuses weights that are not those of the table: the zoo was built again after the table was read.

    Raises:
        ValueError: says to open the zoo again.
    """
    for row, checksum in enumerate(table["checksum"].to_pylist()):
        if state_checksum({name: tensor[row] for name, tensor in weights.items()}) != checksum:
            raise ValueError(f"{path} was built again since it was opened, and has other weights now; open it again")


def only_space(table: pa.Table) -> str:
    """The one weight space of a table."""
    names = table["space"].unique().to_pylist()
    if len(names) != 1:
        raise ValueError(f"one weight space is needed, but {len(names)} occur ({', '.join(names)}); use by_space()")
    return names[0]


def _checked(rows: Int[Tensor, " rows"], whole: Tensor, file: Path) -> Tensor:
    wrong = rows[(rows < 0) | (rows >= len(whole))]
    if len(wrong):
        raise ValueError(f"the index points at row {int(wrong[0])} of {file}, which has {len(whole)}")
    return rows


def _copy(whole: Tensor, rows: Tensor, out: Tensor, here: Tensor) -> None:
    if _consecutive(rows) and _consecutive(here):
        out[int(here[0]) : int(here[-1]) + 1] = whole[int(rows[0]) : int(rows[-1]) + 1]
    else:
        out.index_copy_(0, here, whole.index_select(0, rows))


def _consecutive(rows: Tensor) -> bool:
    return len(rows) == 1 or bool((rows[1:] - rows[:-1] == 1).all())
