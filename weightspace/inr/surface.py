"""Pictures of solids given as signed distances."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr.convention import Convention
from weightspace.inr.render import render_stack

AZIMUTH, ELEVATION = math.radians(35), math.radians(28)
LIGHT = (-0.45, 0.55, 0.70)  # to the right, up, towards the eye
REACH = 1.1  # half of the side of what is looked at, where the cube's is 1
SAMPLES = 48  # along a line


def render_surface(
    weights: Mapping[str, Tensor], convention: Convention, resolution: int = 80
) -> Float[Tensor, "nets side side"]:
    """Draws where fields of distances are zero, seen from above in parallel light: 0 to 1, and NaN beside the solid.

    Fields are sampled along parallel lines; a surface lies where the sign first turns from positive to negative, its
    normal is the field's gradient, and its shade the cosine to the light.

    Args:
        weights: of N nets of three coordinates.
        convention: of their zoo.
        resolution: pixels a side.
    """
    low, high = convention.coordinates
    right, up, forward = _axes()
    sides = torch.linspace(-REACH, REACH, resolution)
    y, x = torch.meshgrid(-sides, sides, indexing="ij")
    plane = x.reshape(-1, 1) * right + y.reshape(-1, 1) * up
    steps = torch.linspace(-REACH, REACH, SAMPLES)
    nets = len(next(iter(weights.values())))
    before = torch.full((nets, len(plane)), math.inf)
    depth = torch.full((nets, len(plane)), math.nan)
    with torch.no_grad():
        for k, step in enumerate(steps.tolist()):
            points = (plane + step * forward + 1) / 2 * (high - low) + low
            field = render_stack(weights, convention, points)[:, 0]
            field = field.masked_fill(((points < low) | (points > high)).any(1), math.inf)
            hit = (field <= 0) & depth.isnan()
            share = torch.where(before.isinf(), torch.ones_like(before), before / (before - field)).nan_to_num(1.0)
            depth = torch.where(hit, steps[k] - (1 - share) * (steps[1] - steps[0]), depth)
            before = field
    points = (plane + depth.unsqueeze(2) * forward + 1) / 2 * (high - low) + low
    return _shade(weights, convention, points, depth).view(nets, resolution, resolution)


def _shade(weights: Mapping[str, Tensor], convention: Convention, points: Tensor, depth: Tensor) -> Tensor:
    points = points.nan_to_num(0.0).requires_grad_()
    (normal,) = torch.autograd.grad(render_stack(weights, convention, points).sum(), points)
    right, up, forward = _axes()
    light = LIGHT[0] * right + LIGHT[1] * up - LIGHT[2] * forward
    shade = (normal / normal.norm(dim=2, keepdim=True).clamp_min(1e-9)) @ light
    return torch.where(depth.isnan(), math.nan, 0.25 + 0.75 * shade.clamp(0, 1)).detach()


def _axes() -> tuple[Tensor, Tensor, Tensor]:
    """Right, up and forward of the eye."""
    forward = torch.tensor(
        [-math.cos(ELEVATION) * math.cos(AZIMUTH), -math.cos(ELEVATION) * math.sin(AZIMUTH), -math.sin(ELEVATION)]
    )
    right = torch.tensor([-math.sin(AZIMUTH), math.cos(AZIMUTH), 0.0])
    return right, torch.linalg.cross(right, forward), forward
