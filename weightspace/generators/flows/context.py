"""What a flow knows of a whole net, as numbers: how far it is on its way, and what was asked for."""

import torch
from jaxtyping import Float
from torch import Tensor

WAVES = 16


def context(
    t: Float[Tensor, " nets"], wanted: Float[Tensor, "nets prompts"], low: tuple[float, ...], high: tuple[float, ...]
) -> Float[Tensor, "nets numbers"]:
    """Sines and cosines of the time, prompts brought to [-1, 1] by their range, and whether there is one (no NaN)."""
    ends = [t.new_tensor(end) for end in (low, high)]
    scaled = (2 * (wanted - ends[0]) / (ends[1] - ends[0]).clamp_min(1e-6) - 1).nan_to_num(nan=0.0)
    rates = 100 * torch.logspace(0, -3 + 3 / WAVES, WAVES, device=t.device).to(t)
    angles = t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos(), scaled.to(t), wanted.isfinite().to(t)], 1)


def context_size(prompts: int) -> int:
    """How many numbers `context` gives."""
    return 2 * WAVES + 2 * prompts
