"""What goes wrong in silence when weights are generated."""

from collections.abc import Mapping

import torch
from torch import Tensor

from weightspace.space import WeightSpace

NEAR = 1e-3


def tensor_sizes(space: WeightSpace, weights: Mapping[str, Tensor]) -> dict[str, float]:
    """Root mean square of every parameter over a stack."""
    return {n: float(weights[n].double().square().mean().sqrt()) for n, s in space.tensors.items() if not s.buffer}


def duplicated_neurons(space: WeightSpace, weights: Mapping[str, Tensor]) -> float:
    """The share of neurons that are fed by the same weights as another neuron of their layer, to a thousandth.

    A map that sees the architecture alone gives all neurons of a layer the same weights.
    """
    same, neurons = 0, 0
    for name, spec in space.tensors.items():
        if spec.role != "weight" or spec.buffer or spec.target != (0,):
            continue
        rows = weights[name].flatten(2)
        gaps = torch.cdist(rows, rows) / rows.norm(dim=2).mean(1).clamp_min(1e-12)[:, None, None]
        gaps = gaps + torch.eye(rows.shape[1]) * 1e9
        same, neurons = same + int((gaps.min(2).values < NEAR).sum()), neurons + rows.shape[0] * rows.shape[1]
    return same / max(1, neurons)


def size_ratios(sizes: Mapping[str, float], usual: Mapping[str, float]) -> dict[str, float]:
    """Each tensor's root mean square in units of the zoo's own; honest samples lie between .9 and 1.1."""
    return {name: size / max(usual[name], 1e-12) for name, size in sizes.items()}
