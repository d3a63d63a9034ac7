"""What differs from net to net: one of several values, or a number of a range."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Any, ...]

    def __post_init__(self):
        if not self.values:
            raise ValueError("the list of choices must not be empty")

    def at(self, u: float) -> Any:
        """The value for ``u`` in [0, 1)."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]  # a product may be rounded up

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values to check before anything is drawn."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number between two ends, even or even in its logarithm; whole numbers include both ends."""

    low: float | int
    high: float | int
    log: bool = False
    whole: bool = False

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got low = {self.low} and high = {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, got low = {self.low}")

    def at(self, u: float) -> float | int:
        """The value for ``u`` in [0, 1)."""
        high = self.high + 1 if self.whole else self.high
        if self.log:
            value = math.exp(math.log(self.low) + u * (math.log(high) - math.log(self.low)))
        else:
            value = self.low + u * (high - self.low)
        value = min(max(value, self.low), self.high)  # rounding may lead beyond either end
        return int(value) if self.whole else value

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values to check before anything is drawn."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


Varied = Choices | Range


def ends(value: Any | Varied) -> tuple[Any, ...]:
    """The values that stand for a setting when it is checked."""
    return value.ends if isinstance(value, Choices | Range) else (value,)


def varies(value: Any | Varied) -> bool:
    """Whether nets differ here."""
    return isinstance(value, Choices | Range)
