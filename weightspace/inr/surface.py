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
SECANTS = 3  # steps that sharpen the place of the surface between two samples
AT_ONCE = 8  # nets


def render_surface(
    weights: Mapping[str, Tensor], convention: Convention, resolution: int = 112
) -> Float[Tensor, "nets 2 side side"]:
    """Draws where fields of distances are zero, seen from above in parallel light.

    Fields are sampled along parallel lines; a surface lies where the sign first turns from positive to negative, is
    found between the samples by secants, and its normal is the field's gradient. Where a line passes by within a pixel,
    the pixel is covered in part, so outlines are smooth.

    Args:
        weights: of N nets of three coordinates.
        convention: of their zoo.
        resolution: pixels a side.

    Shapes:
        out: for each net its shade, 0.25 (dark) to 1 (facing the light), and how much of each pixel it covers, 0 to 1.
    """
    count = len(next(iter(weights.values())))
    pictures = [
        _Lines({name: stack[first : first + AT_ONCE] for name, stack in weights.items()}, convention, resolution).draw()
        for first in range(0, count, AT_ONCE)
    ]
    return torch.cat(pictures)


class _Lines:
    """Lines of sight, a pixel each, through the cube of a few nets."""

    def __init__(self, weights: Mapping[str, Tensor], convention: Convention, side: int):
        self.weights, self.convention, self.side = weights, convention, side
        self.right, self.up, self.forward = view_axes()
        places = torch.linspace(-REACH, REACH, side)
        y, x = torch.meshgrid(-places, places, indexing="ij")
        self.plane = x.reshape(-1, 1) * self.right + y.reshape(-1, 1) * self.up

    def draw(self) -> Float[Tensor, "nets 2 side side"]:
        with torch.no_grad():
            steps = torch.linspace(-REACH, REACH, SAMPLES)
            fields = torch.stack([self.field(self.points(step)) for step in steps])  # [samples, nets, lines]
            depth, hit = self.surface(fields, steps)
            nearest, distance = _minimum(fields, steps)
        pixel = 2 * REACH / (self.side - 1) * self.size / 2
        coverage = (0.5 - distance / pixel).clamp(0, 1).maximum((hit & (distance > 0)).float())
        shade = self.shade(torch.where(hit, depth, nearest))
        return torch.stack([shade, coverage], 1).unflatten(2, (self.side, self.side))

    @property
    def size(self) -> float:
        """The side of the cube, in the convention's coordinates."""
        low, high = self.convention.coordinates
        return high - low

    def points(self, depth: Tensor) -> Tensor:
        """Places along the lines: ``[lines, 3]`` at one depth, ``[nets, lines, 3]`` where each net has its own."""
        return (self.plane + depth.unsqueeze(-1) * self.forward + 1) / 2 * self.size + self.convention.coordinates[0]

    def field(self, points: Tensor) -> Float[Tensor, "nets lines"]:
        low, high = self.convention.coordinates
        outside = ((points < low) | (points > high)).any(-1)
        return render_stack(self.weights, self.convention, points)[:, 0].masked_fill(outside, math.inf)

    def surface(self, fields: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """How deep each line meets the surface, and whether it does."""
        inside = fields <= 0
        hit, first = inside.any(0), inside.int().argmax(0)
        far, before = steps[first], (first - 1).clamp_min(0)
        outer = torch.gather(fields, 0, before.unsqueeze(0))[0]
        inner = torch.gather(fields, 0, first.unsqueeze(0))[0]
        cut = outer.isinf() | (first == 0)  # the cube's own wall
        near = torch.where(cut, far, steps[before])
        for _ in range(SECANTS):
            share = (outer / (outer - inner)).nan_to_num(1.0).clamp(0, 1)
            middle = torch.where(cut, far, near + share * (far - near))
            value = self.field(self.points(middle))
            beyond = value <= 0
            far, inner = torch.where(beyond, middle, far), torch.where(beyond, value, inner)
            near, outer = torch.where(beyond, near, middle), torch.where(beyond, outer, value)
        return torch.where(cut, far, near + (outer / (outer - inner)).nan_to_num(1.0).clamp(0, 1) * (far - near)), hit

    def shade(self, depth: Tensor) -> Float[Tensor, "nets lines"]:
        points = self.points(depth).requires_grad_()
        (normal,) = torch.autograd.grad(render_stack(self.weights, self.convention, points).sum(), points)
        light = LIGHT[0] * self.right + LIGHT[1] * self.up - LIGHT[2] * self.forward
        cosine = (normal / normal.norm(dim=2, keepdim=True).clamp_min(1e-9)) @ light
        return (0.25 + 0.75 * ((cosine + 0.5) / 1.5).clamp(0, 1)).detach()  # light wraps around: no black sides


def _minimum(fields: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Where along each line the field is least, by a parabola through three samples, and how large it is there."""
    place = fields.argmin(0).clamp(1, len(steps) - 2).unsqueeze(0)
    before, here, after = (torch.gather(fields, 0, place + shift)[0] for shift in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = torch.where(bend.isfinite() & (bend > 1e-9), (before - after) / (2 * bend), 0.0).clamp(-0.5, 0.5)
    least = here - (0.25 * (before - after) * shift).nan_to_num(0.0)
    return steps[place[0]] + shift * (steps[1] - steps[0]), torch.where(here.isfinite(), least, math.inf)


def view_axes() -> tuple[Tensor, Tensor, Tensor]:
    """Right, up and forward of the eye."""
    forward = torch.tensor(
        [-math.cos(ELEVATION) * math.cos(AZIMUTH), -math.cos(ELEVATION) * math.sin(AZIMUTH), -math.sin(ELEVATION)]
    )
    right = torch.tensor([-math.sin(AZIMUTH), math.cos(AZIMUTH), 0.0])
    return right, torch.linalg.cross(right, forward), forward
