"""How the weights of an implicit representation become a picture."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Convention:
    """Everything beside the weights that a fit depends on; stored with every zoo of implicit representations.

    Args:
        net: name in ``weightspace.nets``.
        settings: of the net: frequencies, first-layer rule, output shift.
        shape: points along each axis at the fit.
        grid: where the points lie in [-1, 1], see ``grid_coordinates``.
        peak: span of the values, for the PSNR.
    """

    net: str
    settings: Mapping[str, Any]
    shape: tuple[int, ...]
    grid: str
    peak: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self) | {"settings": dict(self.settings), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Convention":
        """The inverse of ``to_dict``."""
        return cls(**{**data, "shape": tuple(data["shape"])})
