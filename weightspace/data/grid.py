"""Coordinates of the points of a grid."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GRIDS = ("corners", "centers")


def grid_coordinates(
    shape: Sequence[int], grid: str = "corners", span: tuple[float, float] = (-1.0, 1.0)
) -> Float[Tensor, "points axes"]:
    """Points of a grid over ``span`` in each axis, the last axis running fastest.

    ``corners`` puts the outermost points at the ends (``linspace``), ``centers`` in the middle of equal cells.

    Raises:
        ValueError: an unknown grid.
    """
    low, high = span
    if grid not in GRIDS:
        raise ValueError(f"grid must be one of {', '.join(GRIDS)}, got {grid!r}")
    if grid == "corners":
        axes = [torch.linspace(low, high, size) for size in shape]
    else:
        axes = [(torch.arange(size) + 0.5) * (high - low) / size + low for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
