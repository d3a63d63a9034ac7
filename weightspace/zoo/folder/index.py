"""The table of a zoo: a row per saved state."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from weightspace.nets import net_class
from weightspace.nets.settings import field_types
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.train.saved import Saved

BEFORE = (("net", pa.int64()), ("run", pa.int64()), ("seed", pa.int64()), ("space", pa.string()))
AFTER = (
    ("seconds", pa.float32()),
    ("split", pa.string()),
    ("shard", pa.int32()),
    ("row", pa.int32()),
    ("checksum", pa.string()),
    ("status", pa.string()),
    ("reason", pa.string()),
)
ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}


def index_schema(recipe: Recipe) -> pa.Schema:
    """The columns of a recipe's zoo; what the recipe sets stands under its own name, lists as ``16-16-16``."""
    kinds = {**field_types(net_class(recipe.net).Config), **field_types(Hyperparameters)}
    fields = list(BEFORE)
    fields += [(key, ARROW.get(kinds[key], pa.string())) for key in (*recipe.architecture, *recipe.train)]
    if recipe.task == "fit":
        fields += [("view", pa.int64()), ("label", pa.int64())]
    fields += [("epoch", pa.float64()), ("step", pa.int64())]
    fields += [(name, pa.float32()) for name in recipe.metrics]
    return pa.schema([*fields, *AFTER])


def index_rows(recipe: Recipe, saved: Iterable[Saved], rows: Sequence[int], **columns: Sequence[Any]) -> pa.Table:
    """A table of saved states; ``columns`` are those that are not the state's own."""
    records = []
    schema = index_schema(recipe)
    for place, (state, row) in enumerate(zip(saved, rows, strict=True)):
        trial = state.trial
        record = {"net": trial.net, "run": trial.run, "seed": trial.seed, "split": trial.split, "row": row}
        record |= {
            key: plain(trial.settings[key], schema.field(key).type) for key in (*recipe.architecture, *recipe.train)
        }
        if recipe.task == "fit":
            record |= {"view": trial.net % recipe.fit.views, "label": state.label}
        record |= {"epoch": state.epoch, "step": state.step, "seconds": state.seconds}
        record |= {name: finite(state.metrics.get(name, math.nan)) for name in recipe.metrics}
        record |= {"status": state.status, "reason": state.reason}
        records.append(record | {name: values[place] for name, values in columns.items()})
    return pa.Table.from_pylist(records, schema=schema)


def plain(value: Any, kind: pa.DataType) -> Any:
    """A value that fits a column of its kind; settings that may be a number or a list are text."""
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return str(value) if kind == pa.string() else value


def finite(value: float) -> float | None:
    """Null for what is not a number."""
    return value if math.isfinite(value) else None
