"""One-dimensional signals, generated."""

import math

import torch
from torch import Tensor

from weightspace.data.grid import grid_coordinates
from weightspace.data.signals import Signals
from weightspace.data.sizes import LARGEST_SEED, check_size

WAVES = ("tones", "chirp", "steps", "pulse")


def generate_waves(count: int = 2000, length: int = 256, seed: int = 0) -> Signals:
    """Four kinds of signals of one variable, in [0, 1]; signal ``i`` depends on the seed and ``i`` alone.

    Args:
        count: number of signals.
        length: points on [-1, 1].
        seed: of all draws.

    Shapes:
        values ``[count, 1, length]``.
    """
    check_size("count", count, 1, 1_000_000)
    check_size("length", length, 2, 65_536)
    check_size("seed", seed, 0, LARGEST_SEED)
    x = grid_coordinates((length,))[:, 0]
    values = torch.stack([_wave(i, x, seed) for i in range(count)]).unsqueeze(1)
    parts = torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 1, 2]).repeat_interleave(len(WAVES))
    parts = parts[torch.arange(count) % len(parts)]
    return Signals("waves", (length,), "corners", values, torch.arange(count) % len(WAVES), parts)


def _wave(i: int, x: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + i)
    u = torch.rand(8, generator=generator).tolist()
    kind = WAVES[i % len(WAVES)]
    if kind == "tones":
        tones = [math.cos(3 * k) * torch.sin(math.pi * (1 + 6 * u[k]) * x + 6 * u[k + 3]) for k in range(3)]
        y = (tones[0] + tones[1] + tones[2]) / 2
    elif kind == "chirp":
        y = torch.sin(math.pi * (1 + 3 * u[0]) * (x + 1.2 + u[1]) ** 2)
    elif kind == "steps":
        y = torch.sign(torch.sin(math.pi * (1 + 3 * u[0]) * x + 6 * u[1])) * (0.4 + 0.6 * u[2])
    else:
        y = 2 * torch.exp(-(((x - u[0] + 0.5) / (0.05 + 0.3 * u[1])) ** 2)) - 1
    return 0.5 + 0.5 * y.clamp(-1, 1)
