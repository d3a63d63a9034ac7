"""Sizes of inputs at which a module's code goes another way than on the example."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from weightspace.space.computation.conditions import Condition
from weightspace.space.computation.inputs import Inputs, entries_of, resized, sizes_of

_MOST = 8  # sizes that are given
_LARGEST = 1 << 22  # entries of inputs


@dataclass
class Branches:
    """Which ways a module's code went so far, at each place where it asks for a size.

    Attributes:
        large: it takes long to run the module, so only what takes no longer than the example is tried, and no
            condition that asks for just one size: a layer's width asks so too.
        untried: places whose other way was not tried, each with a sentence that names a size that leads there.
    """

    large: bool
    met: list[Condition] = field(default_factory=list)
    untried: dict[str, str] = field(default_factory=dict)

    def add(self, conditions: Iterable[Condition]) -> bool:
        """Conditions that another run met; whether one of them came out as it never did."""
        before = self._ways()
        self.met += [condition for condition in conditions if (condition.place, condition.outcome) not in before]
        return self._ways() != before

    def inputs(self, example: Inputs) -> Iterator[Inputs]:
        """Inputs on which a condition may come out as it never did."""
        entries = entries_of(example)
        largest = entries if self.large else max(entries, _LARGEST)
        tried: set[tuple[int, int]] = set()
        for condition in sorted(self.met, key=lambda condition: condition.equal):
            if self.large and condition.equal:
                break
            for size, new in self._sizes(condition, example):
                if (condition.place, not condition.outcome) in self._ways() or (size, new) in tried:
                    continue
                if len(tried) >= _MOST or entries / size * new > largest:
                    self._leave(condition.place, size, new)
                    continue
                tried.add((size, new))
                yield resized(example, size, new)

    def _ways(self) -> set[tuple[str, bool]]:
        return {(condition.place, condition.outcome) for condition in self.met}

    def _sizes(self, condition: Condition, example: Inputs) -> list[tuple[int, int]]:
        """A size of the example, and another one that leads the other way.

        Sizes that arise inside are taken to grow with those of the example.
        """
        given, found = sizes_of(example), []
        for size, new in condition.others():
            found += [(size, new)] if size in given else [(one, -(-one * new // size)) for one in given]
        return [(size, new) for size, new in found if new != size]

    def _leave(self, place: str, size: int, new: int) -> None:
        self.untried.setdefault(
            place,
            f"not proved where {Path(place).name} goes another way, as it may with a size of {new} instead of {size}",
        )
