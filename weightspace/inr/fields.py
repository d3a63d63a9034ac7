"""Edits of signed distance fields ``[N, 1, D, H, W]``, negative inside, on a grid over [-1, 1] cubed."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import grid_coordinates
from weightspace.inr.images import convolve, gaussian

Fields = Float[Tensor, "fields 1 depth height width"]


def smooth(fields: Fields, sigma: float = 1.0) -> Fields:
    """Convolved with a Gaussian of deviation ``sigma`` points: edges and corners become round."""
    weights = gaussian(sigma).to(fields)
    for axis in (2, 3, 4):
        fields = convolve(fields, weights, axis)
    return fields


def offset(fields: Fields, distance: float = 0.1) -> Fields:
    """Surfaces moved outwards by ``distance``, inwards if it is negative: solids inflate or shrink."""
    return fields - distance


def blend(fields: Fields, radius: float = 0.4, softness: float = 0.2) -> Fields:
    """Melted together with a ball in the middle: the smooth minimum of the two distances.

    The quadratic polynomial of Quilez, "Smooth minimum": the minimum, less ``h^2 softness / 4`` where
    ``h = max(0, 1 - |a - b| / softness)``.

    Args:
        radius: of the ball. softness: difference of distances up to which the two are mixed.
    """
    points = grid_coordinates(fields.shape[2:]).to(fields)
    ball = (points.norm(dim=1) - radius).reshape(fields.shape[2:]).expand_as(fields)
    mixed = (1 - (fields - ball).abs() / softness).clamp_min(0)
    return torch.minimum(fields, ball) - mixed.square() * softness / 4
