"""Train starts of implicit representations, and measure how fast nets are fitted from a start."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import Signals
from weightspace.generators.start import LearnedStart
from weightspace.nets.siren import SIREN
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.descent import descend
from weightspace.zoo.train.gradient import fit_gradient

STACK = 64


@dataclass(frozen=True)
class StartConfig:
    """How a start is trained.

    Args:
        steps: of the outer Adam.
        batch: signals in each.
        learning_rate: of the start, falling to 0 along a cosine.
        rate_learning_rate: of the rates, relative to their first value.
        minutes: at most; the cosine then ends earlier.
        seed: of the order of signals.
        given: least and most points that a fit is given of each signal, drawn each time; 0 gives all. The error that is
            made small is that of all points.
    """

    steps: int = 2000
    batch: int = 32
    learning_rate: float = 3e-4
    rate_learning_rate: float = 3e-2
    minutes: float = 10.0
    seed: int = 0
    given: tuple[int, int] = (0, 0)


def train_start(
    start: LearnedStart, signals: Signals, config: StartConfig, told: Callable[[int, float], object] = lambda *_: None
) -> LearnedStart:
    """Learn start and rates through all inner steps, second order, on the training signals.

    What is made small is the mean logarithm of the error after the last step, which is the PSNR. A batch whose error
    isn't finite is skipped. It is trained where it lies.

    Args:
        told: hears the step and the mean PSNR of its batch, every hundred steps.
    """
    unit, source = float(start.rates.detach().abs().mean()), torch.Generator().manual_seed(config.seed + 1)
    groups = [
        {"params": [start.start], "lr": config.learning_rate, "clip": True},
        {"params": [start.rates], "lr": config.rate_learning_rate * unit},
    ]

    def loss(targets: Tensor) -> Tensor:
        targets = targets.to(start.device)
        return start.loss(start.fit(hidden(targets, config.given, source)), targets)

    start.train()
    minimize(groups, loss, signals, config, told)
    return start.eval()


def minimize(
    groups: list[dict[str, Any]],
    loss: Callable[[Float[Tensor, "nets channels points"]], Float[Tensor, " nets"]],
    signals: Signals,
    config: StartConfig,
    told: Callable[[int, float], object],
    logarithm: bool = True,
) -> None:
    """Adam on the mean (logarithm) of an error of batches of training signals, its rates falling to 0 along a cosine.

    Args:
        groups: parameters with their rate; the gradient of those with ``clip`` has a norm of 1 at most.
        loss: the error of each signal. told: hears the step and the mean PSNR of its batch, every hundred steps.
        logarithm: of errors, whose mean is the PSNR; without, large errors count most.
    """
    able, source = (signals.parts == 0).nonzero().flatten(), torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.Adam(groups)
    rates, clipped = [group["lr"] for group in groups], [p for g in groups if g.get("clip") for p in g["params"]]
    began = time.monotonic()
    for step in range(config.steps):
        done = max(step / config.steps, (time.monotonic() - began) / (60 * config.minutes))
        if done >= 1:
            break
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done))
        targets = signals.values[able[torch.randint(len(able), (config.batch,), generator=source)]]
        errors = loss(targets).clamp_min(1e-12)
        made_small = errors.log().mean() if logarithm else errors.mean()
        optimizer.zero_grad()
        if bool(made_small.isfinite()):
            made_small.backward()
            torch.nn.utils.clip_grad_norm_(clipped, 1.0)
            optimizer.step()
        if (step + 1) % 100 == 0:
            told(step + 1, float(psnr(errors.detach(), signals.peak).mean()))


def hidden(
    signals: Float[Tensor, "nets channels points"], given: tuple[int, int], source: torch.Generator
) -> Float[Tensor, "nets channels points"]:
    """Signals of which so many points are left, NaN elsewhere; which ones and how many is drawn for each.

    Args:
        given: the least and the most; all if they are 0.

    Raises:
        ValueError: more points than there are, or fewer than none.
    """
    least, most = given
    if not most:
        return signals
    if not 1 <= least <= most <= signals.shape[2]:
        raise ValueError(f"Points given must be 1 to {signals.shape[2]}, least before most, got {least} and {most}.")
    ranks = torch.rand(len(signals), signals.shape[2], generator=source).argsort(1).argsort(1)
    counts = torch.randint(least, most + 1, (len(signals), 1), generator=source)
    return signals.masked_fill((ranks >= counts).unsqueeze(1).to(signals.device), torch.nan)


def psnr_curves(
    net: SIREN,
    rows: Float[Tensor, "nets entries"],
    signals: Float[Tensor, "nets channels points"],
    points: Float[Tensor, "points axes"],
    rate: float,
    steps: int,
    peak: float = 1.0,
    optimizer: str = "adam",
) -> tuple[Float[Tensor, "nets steps"], Float[Tensor, "nets entries"]]:
    """PSNR of nets before each step of Adam (or another optimizer), and after the last: ``[nets, steps + 1]``.

    Returns:
        The curves, and the weights after the last step.
    """
    gradient, train = fit_gradient(net, points), Hyperparameters(optimizer=optimizer, lr=rate, steps=steps)
    curves, ends = [], []
    for some, targets in zip(rows.split(STACK), signals.split(STACK), strict=True):
        fitted, errors = descend(gradient, some, targets, train)
        curves.append(psnr(torch.cat([errors, gradient.loss(fitted, targets).unsqueeze(1)], 1), peak))
        ends.append(fitted)
    return torch.cat(curves), torch.cat(ends)


def psnr(errors: Float[Tensor, "..."], peak: float) -> Float[Tensor, "..."]:
    """Peak signal-to-noise ratio in dB of mean squared errors; no net counts for less than -20."""
    worst = peak**2 * 100
    return 10 * (peak**2 / errors.nan_to_num(nan=worst).clamp(1e-12, worst)).log10()


def steps_to(curve: Float[Tensor, " steps"], level: float) -> float:
    """The first step at which a mean curve has reached a level; infinite if it never does."""
    reached = np.flatnonzero(curve.numpy() >= level)
    return float(reached[0]) if len(reached) else math.inf
