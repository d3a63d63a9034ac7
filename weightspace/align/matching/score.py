"""Loss and accuracy of weights on data."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

Data = tuple[Tensor, Tensor]
_BATCH = 512


@dataclass(frozen=True)
class Score:
    """Mean loss (cross-entropy for whole-number targets, else squared error), and accuracy or None."""

    loss: float
    accuracy: float | None


def frozen(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose parameters ask for no gradient."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def predictions(module: nn.Module, weights: Mapping[str, Tensor], inputs: Shaped[Tensor, "n *input"]) -> Tensor:
    """Outputs of the module with these weights, batch by batch."""
    with torch.no_grad():
        parts = [functional_call(module, dict(weights), (part,)) for part in inputs.split(_BATCH)]
    return torch.cat(parts)


def loss_of(outputs: Float[Tensor, "n *out"], targets: Shaped[Tensor, "n *target"]) -> Float[Tensor, ""]:
    """Cross-entropy for whole-number targets, else the mean squared error."""
    if targets.is_floating_point():
        return functional.mse_loss(outputs, targets)
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def score_of(outputs: Float[Tensor, "n *out"], targets: Shaped[Tensor, "n *target"]) -> Score:
    """The score of outputs."""
    right = None if targets.is_floating_point() else float((outputs.argmax(-1) == targets).double().mean())
    return Score(float(loss_of(outputs, targets)), right)


def check_data(data: object) -> Data:
    """See that data are inputs and targets.

    Raises:
        ValueError: they aren't, or differ in number.
    """
    if not (isinstance(data, tuple) and len(data) == 2 and all(isinstance(part, Tensor) for part in data)):
        raise ValueError("data must be a pair of tensors, inputs and targets.")
    if len(data[0]) != len(data[1]):
        raise ValueError(f"data must hold as many targets as inputs, got {len(data[1])} and {len(data[0])}.")
    return data


def mixed(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """``(1 - share) a + share b`` for every tensor of real numbers; others come from ``a``."""
    return {
        name: torch.lerp(tensor, b[name].to(tensor.dtype), share) if tensor.is_floating_point() else tensor
        for name, tensor in a.items()
    }
