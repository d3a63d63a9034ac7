"""Coordinates of the points of a grid."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

GRIDS = ("corners", "centers")


def grid_coordinates(shape: Sequence[int], grid: str = "corners") -> Float[Tensor, "points axes"]:
    """Points of a grid over [-1, 1] in each axis, the last axis running fastest.

    ``corners`` puts the outermost points at -1 and 1 (``linspace``), ``centers`` in the middle of equal cells.

    Raises:
        ValueError: an unknown grid.
    """
    if grid not in GRIDS:
        raise ValueError(f"grid must be one of {', '.join(GRIDS)}, but {grid!r} came")
    if grid == "corners":
        axes = [torch.linspace(-1, 1, size) for size in shape]
    else:
        axes = [(torch.arange(size) + 0.5) * 2 / size - 1 for size in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
