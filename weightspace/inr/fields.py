"""Edits of signed distance fields ``[N, 1, D, H, W]``, negative inside, on a grid over the cube [-1, 1]^3."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import grid_coordinates
from weightspace.inr.images import convolve, gaussian

Fields = Float[Tensor, "fields 1 depth height width"]


def smooth(fields: Fields, sigma: float = 1.0) -> Fields:
    r"""The Gaussian average $f' = G_\sigma * f$: edges and corners become round.

    Args:
        sigma: deviation of the Gaussian in points of the grid; it is cut at three of them. At the cube's wall the
            outermost values repeat.
    """
    weights = gaussian(sigma).to(fields)
    for axis in (2, 3, 4):
        fields = convolve(fields, weights, axis)
    return fields


def inflate(fields: Fields, distance: float = 0.1) -> Fields:
    """Surfaces moved outwards, ``f' = f - distance``: solids inflate, or shrink where it is negative.

    Args:
        distance: in halves of the cube's side.
    """
    return fields - distance


def blend(fields: Fields, radius: float = 0.4, softness: float = 0.2, *, grid: str = "corners") -> Fields:
    """Melted together with a ball in the middle: the smooth minimum of the two distances.

    ``f' = min(f, b) - h^2 softness / 4`` where ``b = |p| - radius`` and ``h = max(0, 1 - |f - b| / softness)``: the
    quadratic polynomial of Quilez, "Smooth minimum".

    Args:
        radius: of the ball, in halves of the cube's side.
        softness: difference of distances up to which the two are mixed, in the same unit.
        grid: where the points of the fields lie, see ``grid_coordinates``.
    """
    points = grid_coordinates(fields.shape[2:], grid).to(fields)
    ball = (points.norm(dim=1) - radius).reshape(fields.shape[2:]).expand_as(fields)
    mixed = (1 - (fields - ball).abs() / softness).clamp_min(0)
    return torch.minimum(fields, ball) - mixed.square() * softness / 4
