"""Signed distance fields of simple solids, generated."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data.grid import grid_coordinates
from weightspace.data.signals import Signals
from weightspace.data.sizes import LARGEST_SEED, check_size

SOLIDS = ("sphere", "box", "torus", "cylinder", "capsule")


def generate_shapes(count: int = 2000, side: int = 16, seed: int = 0) -> Signals:
    """Solids of five kinds, turned and sized at random, as signed distances on a grid over [-1, 1] cubed.

    Distances are exact, negative inside, and cut at 0.5. Signal ``i`` depends on the seed and ``i`` alone.
    Formulas: Quilez, "Distance functions".

    Args:
        count: number of solids.
        side: points along an axis.
        seed: of all draws.

    Shapes:
        values ``[count, 1, side ** 3]``.
    """
    check_size("count", count, 1, 1_000_000)
    check_size("side", side, 2, 128)
    check_size("seed", seed, 0, LARGEST_SEED)
    points = grid_coordinates((side,) * 3)
    values = torch.stack([_solid(i, points, seed) for i in range(count)]).unsqueeze(1)
    labels = torch.arange(count) % len(SOLIDS)
    parts = torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 1, 2]).repeat_interleave(len(SOLIDS))
    parts = parts[torch.arange(count) % len(parts)]
    return Signals("shapes", (side,) * 3, "corners", values.clamp(-0.5, 0.5), labels, parts, low=-0.5)


def _solid(i: int, points: Float[Tensor, "points 3"], seed: int) -> Float[Tensor, " points"]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + i)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    a, b, c = (0.25 + 0.35 * torch.rand(3, generator=generator)).tolist()
    shift = 0.2 * (torch.rand(3, generator=generator) - 0.5)
    return solid_distance(SOLIDS[i % len(SOLIDS)], (points - shift) @ turn, (a, b, c))


def solid_distance(kind: str, p: Float[Tensor, "points 3"], sizes: tuple[float, float, float]) -> Tensor:
    """Signed distance to a solid at the origin: negative inside."""
    a, b, c = sizes
    if kind == "sphere":
        return p.norm(dim=1) - a
    if kind == "torus":
        ring = torch.stack([p[:, :2].norm(dim=1) - a, p[:, 2]], 1)
        return ring.norm(dim=1) - b / 3
    if kind == "capsule":
        return (p - p[:, 2:].clamp(-a, a) * torch.tensor([0.0, 0.0, 1.0])).norm(dim=1) - b / 2
    if kind == "cylinder":
        q = torch.stack([p[:, :2].norm(dim=1) - a, p[:, 2].abs() - b], 1)
    else:
        q = p.abs() - torch.tensor([a, b, c])
    return q.clamp_min(0).norm(dim=1) + q.amax(1).clamp_max(0)
