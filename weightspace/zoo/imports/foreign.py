"""Making a zoo of weights that were trained elsewhere."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor

from weightspace.inr.convention import Convention
from weightspace.nets import Architecture
from weightspace.zoo.folder.folder import shard_path
from weightspace.zoo.folder.manifest import close_zoo
from weightspace.zoo.folder.shard import stack_states, state_checksum, write_tensors
from weightspace.zoo.folder.spaces import space_entry, tensor_kinds, trace_architecture
from weightspace.zoo.imports.tables import column
from weightspace.zoo.recipe.seeds import draw_uniform
from weightspace.zoo.recipe.split import Split
from weightspace.zoo.zoo import Zoo

SHARD = 1024
ORDER = ("net", "run", "space", "label", "epoch", "step", "split", "shard", "row", "checksum", "status", "reason")
RESERVED = {*ORDER, "file", "seconds", "gap"}
"""Columns of every zoo; a setting of the same name must get another one."""


@dataclass(frozen=True)
class ImportedState:
    """One state from elsewhere: its net in ``weightspace.nets``, its weights under that net's names, and its row."""

    architecture: Architecture
    weights: dict[str, Tensor]
    row: dict[str, Any] = field(default_factory=dict)


def assemble_zoo(
    out: Path,
    name: str,
    states: Iterable[ImportedState],
    axes: Sequence[str] = (),
    conventions: Iterable[Convention] = (),
    split: Split | None = None,
) -> Zoo:
    """Writes states as a zoo, shard by shard, so that memory stays flat; the weights are checked against their net.

    Rows must have ``net`` and ``run``; runs without a ``split`` are drawn.

    Raises:
        ValueError: a folder that is not empty, no states, or weights that do not fit their net; nothing is left in it.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is not empty; choose another folder")
    there = out.exists()
    try:
        return _assemble(out, name, states, list(axes), conventions, split or Split())
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        if there:
            out.mkdir(exist_ok=True)
        raise


def _assemble(
    out: Path,
    name: str,
    states: Iterable[ImportedState],
    axes: list[str],
    conventions: Iterable[Convention],
    split: Split,
) -> Zoo:
    spaces: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    for shard, chunk in enumerate(_chunks(iter(states))):
        for state in chunk:
            _register(state, spaces)
        names = [state.architecture.id for state in chunk]
        tensors, rows = stack_states((space, state.weights) for space, state in zip(names, chunk, strict=True))
        write_tensors(shard_path(out, shard), tensors)
        for state, space, row in zip(chunk, names, rows, strict=True):
            place = {"space": space, "shard": shard, "row": row, "checksum": state_checksum(state.weights)}
            records.append(_record(state, place, split))
    if not records:
        raise ValueError(f"nothing was found to put into {out}")
    for convention in conventions:
        spaces[convention.architecture.id]["convention"] = convention.to_dict()
    return _close(out, name, records, spaces, axes)


def fit_state(architecture: Architecture, state: Mapping[str, Tensor] | Sequence[Tensor]) -> dict[str, Tensor]:
    """Gives tensors the names of a net: a state dict with the same names as it stands, others in order.

    Raises:
        ValueError: another number of tensors, or one of another shape, or whole numbers for weights.
    """
    net = architecture.net
    parameters, everything = tensor_kinds(architecture)
    if isinstance(state, Mapping) and set(state) == set(everything):
        wanted, tensors = everything, [state[name] for name in everything]
    else:
        wanted, tensors = parameters, list(state.values() if isinstance(state, Mapping) else state)
    if len(wanted) != len(tensors):
        settings = dict(architecture.settings)
        raise ValueError(f"{net} {settings} has {len(wanted)} parameters, got {len(tensors)} tensors")
    for (name, (shape, dtype)), tensor in zip(wanted.items(), tensors, strict=True):
        if shape != tuple(tensor.shape):
            raise ValueError(f"{name} of {net} must have shape {shape}, got {tuple(tensor.shape)}")
        if dtype.is_floating_point != tensor.is_floating_point():
            raise ValueError(f"{name} of {net} must be of {dtype}, got {tensor.dtype}")
    pairs = zip(wanted.items(), tensors, strict=True)
    return {name: tensor.detach().to(dtype).clone() for (name, (_, dtype)), tensor in pairs}


def _chunks(states: Iterator[ImportedState]) -> Iterator[list[ImportedState]]:
    while chunk := list(islice(states, SHARD)):
        yield chunk


def _register(state: ImportedState, spaces: dict[str, Any]) -> None:
    if state.architecture.id not in spaces:
        space = trace_architecture(state.architecture)
        space.check(state.weights)
        spaces[state.architecture.id] = space_entry(state.architecture, space)


def _record(state: ImportedState, place: dict[str, Any], split: Split) -> dict[str, Any]:
    drawn = split.part(draw_uniform(0, state.row["run"], "split"))
    finite = all(bool(tensor.isfinite().all()) for tensor in state.weights.values())
    status = (
        {"status": "ok", "reason": ""} if finite else {"status": "diverged", "reason": "its weights are not finite"}
    )
    row = {key: None if isinstance(value, float) and not isfinite(value) else value for key, value in state.row.items()}
    return {"split": drawn, **status, "seconds": None, **row, **place}


def varying(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of settings that take more than one value over all runs, in the order in which they occur."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.items():
            seen.setdefault(key, set()).add(repr(value))
    return [key for key, values in seen.items() if len(values) > 1]


def _close(out: Path, name: str, records: list[dict], spaces: dict, axes: list[str]) -> Zoo:
    columns = list(dict.fromkeys(key for record in records for key in record))
    columns.sort(key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    table = pa.table({key: column([record.get(key) for record in records]) for key in columns})
    card = f"# {name}\n\nImported by weightspace; {len(table):,} states.\n"
    nets = len(table["net"].unique())
    close_zoo(out, name=name, recipe="imported", nets=nets, table=table, spaces=spaces, hyperparameters=axes, card=card)
    return Zoo(out)
