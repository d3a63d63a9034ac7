"""Train starts of implicit representations, and measure how fast nets are fitted from a start."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

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
    """

    steps: int = 2000
    batch: int = 32
    learning_rate: float = 3e-4
    rate_learning_rate: float = 3e-2
    minutes: float = 10.0
    seed: int = 0


def train_start(
    start: LearnedStart, signals: Signals, config: StartConfig, told: Callable[[int, float], object] = lambda *_: None
) -> LearnedStart:
    """Learn start and rates through all inner steps, second order, on the training signals.

    What is made small is the mean logarithm of the error after the last step, which is the PSNR. A batch whose error
    isn't finite is skipped. It is trained where it lies.

    Args:
        told: hears the step and the mean PSNR of its batch, every hundred steps.
    """
    able = (signals.parts == 0).nonzero().flatten()
    source = torch.Generator().manual_seed(config.seed)
    unit = float(start.rates.detach().abs().mean())
    groups = [
        {"params": [start.start], "lr": config.learning_rate},
        {"params": [start.rates], "lr": config.rate_learning_rate * unit},
    ]
    optimizer = torch.optim.Adam(groups)
    rates = [group["lr"] for group in groups]
    start.train()
    began = time.monotonic()
    for step in range(config.steps):
        done = max(step / config.steps, (time.monotonic() - began) / (60 * config.minutes))
        if done >= 1:
            break
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * done))
        targets = signals.values[able[torch.randint(len(able), (config.batch,), generator=source)]].to(start.device)
        loss = start.loss(start.fit(targets), targets).clamp_min(1e-12).log().mean()
        optimizer.zero_grad()
        if bool(loss.isfinite()):
            loss.backward()
            torch.nn.utils.clip_grad_norm_([start.start], 1.0)
            optimizer.step()
        if (step + 1) % 100 == 0:
            told(step + 1, -10 / math.log(10) * float(loss.detach()) + 20 * math.log10(signals.peak))
    return start.eval()


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
