"""What implicit representations are fitted to: values on a grid of coordinates."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.data.dataset import PARTS, Dataset
from weightspace.data.grid import grid_coordinates


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals sampled on one shared grid.

    Args:
        name: of the collection.
        shape: points along each axis of the grid.
        grid: ``corners`` or ``centers``, see ``grid_coordinates``.
        values: channels before points, the points in the order of the grid.
        labels: class of every signal.
        parts: 0, 1 or 2 for train, val and test.
        peak: largest minus smallest possible value; what the PSNR refers to.
        low: smallest possible value.
    """

    name: str
    shape: tuple[int, ...]
    grid: str
    values: Float[Tensor, "signals channels points"]
    labels: Int[Tensor, " signals"]
    parts: Int[Tensor, " signals"]
    peak: float = 1.0
    low: float = 0.0

    def __len__(self) -> int:
        return len(self.values)

    @property
    def coordinates(self) -> Float[Tensor, "points axes"]:
        """The grid."""
        return grid_coordinates(self.shape, self.grid)

    def part(self, signal: int) -> str:
        """The part that a signal belongs to."""
        return PARTS[int(self.parts[signal])]


def image_signals(data: Dataset, grid: str = "corners") -> Signals:
    """The images of a dataset with pixels in [0, 1], all parts one after the other.

    Raises:
        ValueError: inputs that are no images, or lie elsewhere.
    """
    x = data.x_train
    if x.dim() != 4 or not x.is_floating_point() or float(x.min()) < 0 or float(x.max()) > 1:
        raise ValueError(
            f"{data.name} must give images [n, channels, height, width] with values in [0, 1] to be fitted by nets of "
            f"coordinates, got shape {tuple(x.shape)} from {float(x.min()):.3g} to {float(x.max()):.3g}; other grids "
            "are weightspace.data.Signals"
        )
    pieces = [data.part(part) for part in PARTS]
    parts = torch.cat([torch.full((len(y),), k) for k, (_, y) in enumerate(pieces)])
    values = torch.cat([x for x, _ in pieces]).flatten(2)
    return Signals(data.name, data.input_shape[1:], grid, values, torch.cat([y for _, y in pieces]), parts)
