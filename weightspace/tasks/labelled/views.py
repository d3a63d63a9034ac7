"""Several views of one net: its saved states, or several fits of one signal, of which each step sees one."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Views:
    """Which rows of a table are views of the same thing; ``len`` is the number of things.

    Args:
        rows: all rows, those of the first thing first.
        starts: where in `rows` each thing begins.
        counts: how many views each has.

    Example::

        views = Views.of(zoo.table["net"].to_pylist())  # the saved states of each net
        loss = lambda chosen: error(views.choose(chosen))  # in train(..., nets=len(views))
    """

    rows: Int[Tensor, "rows"]
    starts: Int[Tensor, "things"]
    counts: Int[Tensor, "things"]

    @classmethod
    def of(cls, names: Iterable[Hashable]) -> "Views":
        """The views by the name of the thing that each row shows; things in order of their first row."""
        groups: dict[Hashable, list[int]] = {}
        for row, name in enumerate(names):
            groups.setdefault(name, []).append(row)
        if not groups:
            raise ValueError("Views need one row at least, got none.")
        counts = torch.tensor([len(group) for group in groups.values()])
        rows = torch.tensor([row for group in groups.values() for row in group])
        return cls(rows, counts.cumsum(0) - counts, counts)

    def __len__(self) -> int:
        return len(self.counts)

    def choose(self, things: Int[Tensor, "batch"], generator: torch.Generator | None = None) -> Int[Tensor, "batch"]:
        """A row for each of `things`, every view with the same chance."""
        chance = torch.rand(len(things), generator=generator, dtype=torch.float64)
        return self.rows[self.starts[things] + (chance * self.counts[things]).long()]
