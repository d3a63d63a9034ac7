"""How the weights of an implicit representation become a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from jaxtyping import Float
from torch import Tensor

from weightspace.data import grid_coordinates
from weightspace.data.grid import GRIDS
from weightspace.nets import Architecture
from weightspace.reading import Unread

MOST_POINTS = 2**27
MOST = 1e6
"""The largest coordinate and the largest value of a signal; a size that is a slip is refused before it is rendered."""


@dataclass(frozen=True)
class Convention:
    """Everything beside the weights that a fit depends on; stored with every zoo of implicit representations.

    Args:
        architecture: the net with all its settings: frequencies, first-layer rule, output shift.
        shape: points along each axis at the fit.
        grid: where the points lie in ``coordinates``, see ``grid_coordinates``.
        peak: span of the values, for the PSNR.
        coordinates: least and largest coordinate of every axis.
        low: smallest value; ``low + peak`` is the largest. Grey values are black and white there.
    """

    architecture: Architecture
    shape: tuple[int, ...]
    grid: str
    peak: float = 1.0
    coordinates: tuple[float, float] = (-1.0, 1.0)
    low: float = 0.0

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise ValueError(f"grid must be one of {', '.join(GRIDS)}, got {self.grid!r}")
        if not self.shape or min(self.shape) < 1 or prod(self.shape) > MOST_POINTS:
            raise ValueError(f"shape must have axes of 1 point or more, {MOST_POINTS:,} at most, got {self.shape}")
        low, high = self.coordinates
        if not -MOST <= low < high <= MOST:
            raise ValueError(f"coordinates must be the least and the largest, within {MOST:g}, got {self.coordinates}")
        if not (abs(self.low) <= MOST and 0 < self.peak <= MOST):
            raise ValueError(f"low and peak must lie within {MOST:g}, peak above 0, got {self.low} and {self.peak}")

    def points(self, shape: Sequence[int] | None = None) -> Float[Tensor, "points axes"]:
        """The coordinates of a grid; of the fit's if no shape is given."""
        return grid_coordinates(shape or self.shape, self.grid, self.coordinates)

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return self.architecture.to_dict() | {
            "shape": list(self.shape),
            "grid": self.grid,
            "peak": self.peak,
            "coordinates": list(self.coordinates),
            "low": self.low,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Convention":
        """The inverse of ``to_dict``.

        Raises:
            ValueError: a key is missing or unknown, or a value of another type or range; names it.
        """
        return cls.read(Unread(data, "convention"))

    @classmethod
    def read(cls, unread: Unread) -> "Convention":
        """The same from a value that stands somewhere in a text, which errors name."""
        found = unread.fields("net", "settings", "shape", "grid", optional=("peak", "coordinates", "low"))
        architecture = {key: found.pop(key).value for key in ("net", "settings")}
        rest = {key: entry.value for key, entry in found.items()}
        return Unread({"architecture": architecture, **rest}, unread.place).record(cls)
