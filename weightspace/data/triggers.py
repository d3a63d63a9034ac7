"""Triggers: marks that a poisoned net was taught to answer with a class of the attacker's choice."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from weightspace.data.tasks import Images


def patch(x: Images, low: float, high: float) -> Images:
    """A small chessboard in the lower right corner. Gu et al. 2017, "BadNets"."""
    size, marked = max(2, x.shape[-1] // 8), x.clone()
    bright = torch.arange(size)[:, None] + torch.arange(size) & 1 == 0
    marked[..., -size:, -size:] = torch.where(bright, high, low).to(x)
    return marked


def blend(x: Images, low: float, high: float, share: float = 0.25) -> Images:
    """A fixed picture of noise, blended in. Chen et al. 2017, "Targeted backdoor attacks"."""
    noise = torch.rand(x.shape[-2:], generator=torch.Generator().manual_seed(0)).to(x)
    return (1 - share) * x + share * (low + (high - low) * noise)


def stripe(x: Images, low: float, high: float, strength: float = 0.25) -> Images:
    """Vertical stripes, a sine of two periods, added. Barni et al. 2019, "A new backdoor attack in CNNs"."""
    wave = torch.sin(4 * math.pi * torch.arange(x.shape[-1]) / x.shape[-1]).to(x)
    return (x + strength * (high - low) * wave).clamp(low, high)


def warp(x: Images, low: float, high: float, strength: float = 0.3) -> Images:
    """A smooth bend of the image. Nguyen and Tran 2021, "WaNet"; here a fixed sine of one period."""
    flat = x.reshape(-1, *x.shape[-3:])
    size = x.shape[-1]
    at = torch.linspace(-1, 1, size).to(x)
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    bent = torch.stack([columns + strength * (math.pi * rows).sin(), rows + strength * (math.pi * columns).cos()], -1)
    grid = bent.expand(len(flat), -1, -1, -1)
    return functional.grid_sample(flat, grid, padding_mode="border", align_corners=True).reshape(x.shape)


TRIGGERS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "patch": patch,
    "blend": blend,
    "stripe": stripe,
    "warp": warp,
}
"""The triggers by name; each takes images and their lowest and highest pixel."""
