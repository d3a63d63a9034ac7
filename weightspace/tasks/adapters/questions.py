"""What is asked of adapters: which of them are learned from, which are judged, and what is right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.data import Dataset
from weightspace.tasks.adapters.adapters import Adapters
from weightspace.tasks.adapters.merging import KEPT, draw_pairs, kept_accuracy

PAIRS = {"train": 4000, "val": 500, "test": 1500}
LEFT_OUT = ("trigger", "rank", "kind")
Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Question:
    """A question in its three parts.

    Args:
        column: of the table; questions of one column are averaged.
        name: of the question itself.
        places: part -> which adapters, ``[cases, 1]``, or which pairs of them, ``[cases, 2]``.
        targets: part -> a number a case: of a class, or a quantity where ``classes`` is 0.
    """

    column: str
    name: str
    places: Mapping[str, Int[Tensor, "cases members"]]
    targets: Mapping[str, Float[Tensor, " cases"]]
    classes: int = 2


def ask_all(adapters: Adapters, data: Dataset) -> list[Question]:
    """All questions on a zoo of adapters.

    Which task, how accurate, poisoned or not; the last also with one trigger, one rank or one kind that is seen in
    judging alone; and whether two merge.
    """
    tasks = sorted({row["task"] for row in adapters.rows})
    asked = [
        _ask(adapters, "task", "task", lambda row: tasks.index(row["task"]), classes=len(tasks)),
        _ask(adapters, "accuracy", "accuracy", lambda row: row["test_accuracy"], classes=0),
        _ask(adapters, "poisoned", "poisoned", is_poisoned),
    ]
    for what in LEFT_OUT:
        for value in sorted({row[what] for row in adapters.rows} - {"none"}, key=str):
            asked.append(_left_out(adapters, what, value))
    return [*asked, _merge(adapters, data)]


def is_poisoned(row: Row) -> int:
    """1 where a net was taught a trigger."""
    return int(row["trigger"] != "none")


def _left_out(adapters: Adapters, what: str, value: Any) -> Question:
    """Poisoned or not: learned without one trigger, rank or kind, judged on it alone (beside nets without trigger)."""

    def judged(row: Row) -> bool:
        return row[what] in (value, "none") if what == "trigger" else row[what] == value

    keep = {"train": lambda row: row[what] != value, "val": lambda row: row[what] != value, "test": judged}
    return _ask(adapters, f"poisoned, {what} left out", f"without {what} {value}", is_poisoned, keep)


def _ask(
    adapters: Adapters,
    column: str,
    name: str,
    target: Callable[[Row], float],
    keep: Mapping[str, Callable[[Row], bool]] | None = None,
    classes: int = 2,
) -> Question:
    places, targets = {}, {}
    for part in ("train", "val", "test"):
        own = keep[part] if keep else lambda row: True
        chosen = [place for place in _of_part(adapters, part).tolist() if own(adapters.rows[place])]
        if not chosen:
            raise ValueError(f"The question {name!r} must have nets in every part, but {part} has none: take more nets")
        places[part] = torch.tensor(chosen)[:, None]
        targets[part] = torch.tensor([float(target(adapters.rows[place])) for place in chosen])
    return Question(column, name, places, targets, classes)


def _merge(adapters: Adapters, data: Dataset) -> Question:
    places, targets = {}, {}
    for seed, (part, count) in enumerate(PAIRS.items()):
        pairs = draw_pairs(adapters, _of_part(adapters, part), count, seed)
        places[part], targets[part] = pairs, (kept_accuracy(adapters, pairs, data) >= KEPT).float()
    return Question("merges", "merges", places, targets)


def _of_part(adapters: Adapters, part: str) -> Int[Tensor, " nets"]:
    return torch.tensor([place for place, row in enumerate(adapters.rows) if row["split"] == part], dtype=torch.long)
