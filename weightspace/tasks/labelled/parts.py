"""Which nets are to learn from, which to choose on and which to be judged on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from weightspace.tasks.labelled.labelsfile import RUN, SPLIT

PARTS = ("train", "val", "test")


def parts_of(rows: Sequence[Mapping[str, Any]], val: float, test: float, seed: int) -> list[str]:
    """The part of each net: what its column ``split`` says, else drawn, all nets of one ``run`` together.

    Raises:
        ValueError: some rows say a part and others don't; a part would have fewer than two nets.
    """
    said = [str(row.get(SPLIT, "")) for row in rows]
    if wrong := [part for part in said if part not in PARTS]:
        if len(wrong) < len(said) or any(wrong):
            known = ", ".join(PARTS)
            raise ValueError(f"The column {SPLIT} must be one of {known} for every net, got {wrong[0]!r}.")
        said = _drawn([str(row.get(RUN, number)) for number, row in enumerate(rows)], val, test, seed)
    for name in PARTS:
        if said.count(name) < 2:
            raise ValueError(
                f"The part {name!r} must have two nets at least, got {said.count(name)} of {len(rows)}. Give more "
                "checkpoints (or runs), or say the parts in a column 'split'."
            )
    return said


def _drawn(runs: Sequence[str], val: float, test: float, seed: int) -> list[str]:
    order = sorted(set(runs), key=lambda run: hashlib.sha256(f"{seed} {run}".encode()).digest())
    tested = max(1, round(test * len(order)))
    chosen = tested + max(1, round(val * len(order)))
    part = {run: "test" if n < tested else "val" if n < chosen else "train" for n, run in enumerate(order)}
    return [part[run] for run in runs]
