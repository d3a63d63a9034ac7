"""How the weights of an implicit representation become a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from weightspace.data import grid_coordinates


@dataclass(frozen=True)
class Convention:
    """Everything beside the weights that a fit depends on; stored with every zoo of implicit representations.

    Args:
        net: name in ``weightspace.nets``.
        settings: of the net: frequencies, first-layer rule, output shift.
        shape: points along each axis at the fit.
        grid: where the points lie in ``coordinates``, see ``grid_coordinates``.
        peak: span of the values, for the PSNR.
        coordinates: least and largest coordinate of every axis.
        low: smallest value; ``low + peak`` is the largest. Grey values are black and white there.
    """

    net: str
    settings: Mapping[str, Any]
    shape: tuple[int, ...]
    grid: str
    peak: float = 1.0
    coordinates: tuple[float, float] = (-1.0, 1.0)
    low: float = 0.0

    def points(self, shape: Sequence[int] | None = None) -> Float[Tensor, "points axes"]:
        """The coordinates of a grid; of the fit's if no shape is given."""
        return grid_coordinates(shape or self.shape, self.grid, self.coordinates)

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self) | {
            "settings": dict(self.settings),
            "shape": list(self.shape),
            "coordinates": list(self.coordinates),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Convention":
        """The inverse of ``to_dict``."""
        low, high = data.get("coordinates", (-1.0, 1.0))
        return cls(**{**data, "shape": tuple(data["shape"]), "coordinates": (float(low), float(high))})
