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
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CHANNEL = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
"""Layers with neurons, and the axis of what they give on which those lie."""
_BATCH = 512


@dataclass(frozen=True)
class Score:
    """Mean loss (cross-entropy for whole-number targets, else squared error), and accuracy or None."""

    loss: float
    accuracy: float | None


def frozen(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose parameters ask for no gradient."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def measuring(module: nn.Module) -> nn.Module:
    """A `frozen` copy whose batch norms use each batch's own statistics, and keep none."""
    module = frozen(module)
    for part in module.modules():
        if isinstance(part, NORMS):
            part.train().track_running_stats = False
    return module


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


def check_data(data: object, module: nn.Module | None = None, weights: Mapping[str, Tensor] | None = None) -> Data:
    """See that data are inputs and targets, and that a module with these weights can be run on them.

    Raises:
        ValueError: they aren't, or differ in number; inputs that the module can't take, targets that its outputs can't
            be compared with.
    """
    if not (isinstance(data, tuple) and len(data) == 2 and all(isinstance(part, Tensor) for part in data)):
        raise ValueError("data must be a pair of tensors, inputs and targets.")
    if len(data[0]) != len(data[1]):
        raise ValueError(f"data must hold as many targets as inputs, got {len(data[1])} and {len(data[0])}.")
    if module is not None and weights is not None:
        _check_runs(module, weights, data)
    return data


def _check_runs(module: nn.Module, weights: Mapping[str, Tensor], data: Data) -> None:
    inputs, targets = data
    try:
        outputs = predictions(frozen(module), weights, inputs[:2])
    except (RuntimeError, TypeError, IndexError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"The module can't be run on inputs of shape {list(inputs.shape)} and type {inputs.dtype}: {reason}. "
            "Give data of the kind that it was trained on."
        ) from None
    classes, wanted = not targets.is_floating_point(), outputs.shape[1:]
    if targets.shape[1:] != (wanted[:-1] if classes else wanted):
        raise ValueError(
            f"Targets must have the shape of the module's outputs, {list(wanted)} an example (less the last axis "
            f"if they are classes), got {list(targets.shape[1:])}."
        )
    if classes and len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < wanted[-1]:
        raise ValueError(
            f"Targets must be classes from 0 to {wanted[-1] - 1}, as the module has {wanted[-1]} outputs, got "
            f"{int(targets.min())} to {int(targets.max())}."
        )


def mixed(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """``(1 - share) a + share b`` for every tensor of real numbers; others come from ``a``."""
    return {
        name: torch.lerp(tensor, b[name].to(tensor.dtype), share) if tensor.is_floating_point() else tensor
        for name, tensor in a.items()
    }
