"""Random draws that depend on a seed, a net's number and a key, and on nothing else."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any


def draw_seed(seed: int, net: int, key: str) -> int:
    """A 62-bit seed for one purpose of one net; the same on every machine and version."""
    digest = hashlib.blake2b(f"{seed}|{net}|{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 2


def draw_uniform(seed: int, net: int, key: str) -> float:
    """A number in [0, 1)."""
    return draw_seed(seed, net, key) / 2**62


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    values: tuple[Any, ...]

    def __post_init__(self):
        if not self.values:
            raise ValueError("the list of choices must not be empty")

    def at(self, u: float) -> Any:
        """The value for ``u`` in [0, 1)."""
        return self.values[int(u * len(self.values))]

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
        return int(value) if self.whole else min(max(value, self.low), self.high)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values to check before anything is drawn."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


Axis = Choices | Range
