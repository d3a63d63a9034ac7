"""Tuning hyperparameters while training once: weights as their function, and their gradient from validation data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.generators.hypernetwork import Hypernetwork

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Float[Tensor, " n"]]
"""Losses of ``n`` nets from their weights ``[n, ...]`` and their hyper-inputs ``[n]``."""


@dataclass(frozen=True)
class TuningConfig:
    """How hyperparameters are tuned.

    Args:
        steps: of training.
        inputs: hyper-inputs a step.
        spread: of hyper-inputs around the center, before the sigmoid that brings them into their ranges; 0 draws them
            from all of the ranges instead.
        rate: of the weights.
        center_rate: of the hyperparameters.
        warmup: steps in which the weights alone are trained.
        seed: of all random numbers.
    """

    steps: int = 1000
    inputs: int = 8
    spread: float = 0.7
    rate: float = 3e-3
    center_rate: float = 3e-2
    warmup: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Args:
        inputs: the hyperparameters.
        path: their values every ten steps.
        losses: validation losses there.
    """

    inputs: dict[str, float]
    path: list[dict[str, float]]
    losses: list[float]


def self_tune(net: Hypernetwork, train: Losses, validate: Losses, config: TuningConfig) -> Tuned:
    """Trains weights for hyper-inputs near a center, and moves the center down the validation loss.

    With hyper-inputs around the center: MacKay et al. 2019, "Self-tuning networks", algorithm 1, with any module and
    any hypernetwork in place of theirs. With ``spread=0``: Lorraine and Duvenaud 2018, "Stochastic hyperparameter
    optimization through hypernetworks", algorithm 2.

    Args:
        train: training losses, with whatever the hyperparameters do to them. validate: validation losses.

    Raises:
        ValueError: a loss isn't finite; says at which step and for which hyperparameters.
    """
    generator = torch.Generator().manual_seed(config.seed)
    center = torch.zeros(len(net.ranges), requires_grad=True)
    weights_optimizer = torch.optim.Adam(net.parameters(), lr=config.rate)
    center_optimizer = torch.optim.Adam([center], lr=config.center_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(weights_optimizer, config.steps)
    path, losses = [], []
    for step in range(config.steps):
        inputs = _in_ranges(net, _drawn(center.detach(), config, generator))
        loss = train(net.weights(**inputs), inputs).mean()
        _check(loss, step, inputs)
        weights_optimizer.zero_grad()
        loss.backward()
        weights_optimizer.step()
        schedule.step()
        if step >= config.warmup:
            here = _in_ranges(net, center.unsqueeze(0))
            value = validate(net.weights(**here), here).mean()
            _check(value, step, here)
            center_optimizer.zero_grad()
            value.backward()
            center_optimizer.step()
            if step % 10 == 0:
                path.append({name: float(each.detach()) for name, each in here.items()})
                losses.append(float(value.detach()))
    return Tuned({n: float(v) for n, v in _in_ranges(net, center.detach().unsqueeze(0)).items()}, path, losses)


def _drawn(center: Float[Tensor, " k"], config: TuningConfig, generator: torch.Generator) -> Float[Tensor, "n k"]:
    """Hyper-inputs before the sigmoid."""
    if config.spread == 0:
        return torch.logit(torch.rand(config.inputs, len(center), generator=generator), eps=1e-4)
    return center + config.spread * torch.randn(config.inputs, len(center), generator=generator)


def _in_ranges(net: Hypernetwork, raw: Float[Tensor, "n k"]) -> dict[str, Float[Tensor, " n"]]:
    parts = raw.sigmoid().unbind(1)
    return {
        name: low + (high - low) * part for (name, (low, high)), part in zip(net.ranges.items(), parts, strict=True)
    }


def _check(loss: Tensor, step: int, inputs: Mapping[str, Tensor]) -> None:
    if not math.isfinite(float(loss.detach())):
        got = ", ".join(f"{name} {float(value.detach().mean()):.3g}" for name, value in inputs.items())
        raise ValueError(f"Losses must be finite, got {float(loss.detach())} in step {step}, where {got} on average.")
