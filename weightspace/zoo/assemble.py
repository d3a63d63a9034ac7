"""Making a zoo of weights that were trained elsewhere."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from weightspace.nets import build_net

from .convention import Convention
from .draw import draw_uniform
from .finish import write_manifest
from .folder import CARD, INDEX, SPACES, shard_path
from .plan import Split
from .shard import atomic, stack_states, state_checksum, write_tensors
from .spaces import architecture_id, trace_architecture
from .zoo import Zoo

SHARD = 1024
ORDER = ("net", "run", "space", "label", "epoch", "step", "split", "shard", "row", "checksum", "status", "reason")


@dataclass(frozen=True)
class Foreign:
    """One state from elsewhere: its net in ``weightspace.nets``, its weights under that net's names, and its row."""

    net: str
    settings: dict[str, Any]
    weights: dict[str, Tensor]
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """Canonical JSON."""
        return json.dumps([self.net, self.settings], sort_keys=True)


def assemble_zoo(
    out: Path,
    name: str,
    states: Iterable[Foreign],
    axes: Sequence[str] = (),
    conventions: Iterable[Convention] = (),
    split: Split | None = None,
) -> Zoo:
    """Writes states as a zoo, shard by shard, so that memory stays flat; the weights are checked against their net.

    Rows must have ``net`` and ``run``; runs without a ``split`` are drawn.

    Raises:
        ValueError: a folder that is not empty, no states, or weights that do not fit their net.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"{out} is not empty; choose another folder")
    spaces: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    for shard, chunk in enumerate(_chunks(iter(states))):
        for state in chunk:
            _register(state, spaces)
        names = [architecture_id(state.architecture) for state in chunk]
        tensors, rows = stack_states((space, state.weights) for space, state in zip(names, chunk, strict=True))
        write_tensors(shard_path(out, shard), tensors)
        for state, space, row in zip(chunk, names, rows, strict=True):
            place = {"space": space, "shard": shard, "row": row, "checksum": state_checksum(state.weights)}
            records.append(_record(state, place, split or Split()))
    if not records:
        raise ValueError(f"nothing was found to put into {out}")
    for convention in conventions:
        architecture = json.dumps([convention.net, dict(convention.settings)], sort_keys=True)
        spaces[architecture_id(architecture)]["convention"] = convention.to_dict()
    return _close(out, name, records, spaces, list(axes))


def fit_state(net: str, settings: dict[str, Any], tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """Gives tensors, in order, the names of a net's parameters.

    Raises:
        ValueError: another number of tensors, or one of another shape.
    """
    wanted = list(build_net(net, **settings).named_parameters())
    if len(wanted) != len(tensors):
        raise ValueError(f"{net} {settings} has {len(wanted)} parameters, but {len(tensors)} tensors came")
    for (name, parameter), tensor in zip(wanted, tensors, strict=True):
        if parameter.shape != tensor.shape:
            raise ValueError(f"{name} of {net} must have shape {tuple(parameter.shape)}, not {tuple(tensor.shape)}")
    return {name: tensor.detach().float().clone() for (name, _), tensor in zip(wanted, tensors, strict=True)}


def _chunks(states: Iterator[Foreign]) -> Iterator[list[Foreign]]:
    while chunk := list(islice(states, SHARD)):
        yield chunk


def _register(state: Foreign, spaces: dict[str, Any]) -> None:
    key = architecture_id(state.architecture)
    if key not in spaces:
        space = trace_architecture(state.architecture)
        space.check(state.weights)
        spaces[key] = {"architecture": json.loads(state.architecture), "space": space.to_dict()}


def _record(state: Foreign, place: dict[str, Any], split: Split) -> dict[str, Any]:
    drawn = split.part(draw_uniform(0, state.row["run"], "split"))
    return {"split": drawn, "status": "ok", "reason": "", "seconds": None, **state.row, **place}


def _close(out: Path, name: str, records: list[dict], spaces: dict, axes: list[str]) -> Zoo:
    columns = list(dict.fromkeys(key for record in records for key in record))
    columns.sort(key=lambda column: ORDER.index(column) if column in ORDER else len(ORDER))
    table = pa.table({column: [record.get(column) for record in records] for column in columns})
    with atomic(out / INDEX) as path:
        pq.write_table(table, path)
    with atomic(out / SPACES) as path:
        path.write_text(json.dumps(spaces, indent=1), encoding="utf-8")
    with atomic(out / CARD) as path:
        path.write_text(f"# {name}\n\nImported by weightspace; {len(table):,} states.\n", encoding="utf-8")
    nets = len(table["net"].unique())
    write_manifest(out, name, "imported", nets, table, axes)
    return Zoo(out)
