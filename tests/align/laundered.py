"""What people do to a net before they call it their own."""

import torch
from torch import Tensor

from weightspace.align.matching.score import mixed
from weightspace.space import WeightSpace


def pruned(weights: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The smallest weights of every tensor set to zero."""
    return {
        name: torch.where(tensor.abs() >= tensor.abs().flatten().quantile(share), tensor, torch.zeros_like(tensor))
        if tensor.ndim > 1
        else tensor
        for name, tensor in weights.items()
    }


def rounded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor in 255 steps, as int8 stores it."""
    result = dict(weights)
    for name, tensor in weights.items():
        if tensor.ndim > 1:
            step = tensor.abs().max() / 127
            result[name] = (tensor / step).round() * step
    return result


def merged(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean of two nets as they are."""
    return mixed(one, other, 0.5)


def stacked(nets: list[dict[str, Tensor]], space: WeightSpace) -> dict[str, Tensor]:
    """Single nets as one stack."""
    return {name: torch.stack([net[name] for net in nets]) for name in space.tensors}
