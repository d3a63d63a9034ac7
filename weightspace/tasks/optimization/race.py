"""Optimizers against each other on one task: every rate and schedule of a grid, several seeds, all trained at once."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.optimizers.learnedrule import LearnedRule
from weightspace.optimizers.orthogonal import orthogonalized
from weightspace.optimizers.rulestate import RuleState
from weightspace.tasks.optimization.innertask import InnerTask

SCHEDULES = ("constant", "cosine")
Rows = Float[Tensor, "runs entries"]


class Contestant(ABC):
    """An optimizer of rows: gives the direction of a step, which is then taken at the run's rate."""

    def __init__(self, task: InnerTask, rows: Rows):
        self.task, self.step = task, 0

    @abstractmethod
    def direction(self, rows: Rows, gradient: Rows) -> Rows:
        """What is subtracted, times the rate."""


class Adam(Contestant):
    """Adam with PyTorch's defaults; AdamW without decay is the same."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.first, self.second = torch.zeros_like(rows), torch.zeros_like(rows)

    def direction(self, rows: Rows, gradient: Rows) -> Rows:
        self.step += 1
        self.first.lerp_(gradient, 0.1)
        self.second.lerp_(gradient.square(), 0.001)
        root = (self.second / (1 - 0.999**self.step)).sqrt() + 1e-8
        return self.first / (1 - 0.9**self.step) / root


class Momentum(Contestant):
    """Stochastic gradient descent with momentum .9."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.velocity = torch.zeros_like(rows)

    def direction(self, rows: Rows, gradient: Rows) -> Rows:
        self.velocity.mul_(0.9).add_(gradient)
        return self.velocity


class NewtonSchulz(Contestant):
    """Momentum .95, Nesterov, made orthogonal for matrices, as Muon; Adam for the other tensors. Steps of unit size."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.adam, self.velocity = Adam(task, rows), torch.zeros_like(rows)

    def direction(self, rows: Rows, gradient: Rows) -> Rows:
        self.velocity.lerp_(gradient, 0.05)
        look = gradient.lerp(self.velocity, 0.95)
        parts = zip(
            self.task.packing.shaped(look), self.task.packing.shaped(self.adam.direction(rows, gradient)), strict=True
        )
        return torch.cat([(_orthogonal(a) if a.ndim > 2 else b).flatten(1) for a, b in parts], 1)


class Learned(Contestant):
    """A `LearnedRule`."""

    def __init__(self, task: InnerTask, rows: Rows, rule: LearnedRule):
        super().__init__(task, rows)
        self.rule, self.state = rule, RuleState.zeros(task.packing, rows)

    def direction(self, rows: Rows, gradient: Rows) -> Rows:
        self.state.update(gradient, self.task.packing)
        return self.rule(self.state, rows, gradient, self.task.packing)


def _orthogonal(tensor: Tensor) -> Tensor:
    return torch.stack([orthogonalized(each) for each in tensor])


@dataclass(frozen=True)
class RaceConfig:
    """The grid that every optimizer gets.

    Args:
        steps: of a training.
        rates: the grid.
        seeds: trainings of each.
        every: steps between two measurements.
        warmup: share of the steps in which the rate of a cosine schedule rises.
        seed: of the first training.
    """

    steps: int = 1000
    rates: tuple[float, ...] = tuple(10 ** (-4 + 0.5 * i) for i in range(8))
    seeds: int = 3
    every: int = 10
    warmup: float = 0.05
    seed: int = 0


Curves = Float[Tensor, "rates schedules seeds measurements"]


def race(task: InnerTask, contestant: Callable[[InnerTask, Tensor], Contestant], config: RaceConfig) -> Curves:
    """Losses on the task's examples, every ``every`` steps: all rates, schedules and seeds at once.

    A seed has the same start and data whatever the rate and the optimizer.
    """
    c, generator = config, torch.Generator().manual_seed(config.seed)
    start = task.start(c.seeds, generator)
    settings = len(c.rates) * len(SCHEDULES)
    rows = start.repeat(settings, 1)
    rates = torch.tensor(c.rates).repeat_interleave(len(SCHEDULES) * c.seeds).unsqueeze(1)
    falls = (
        torch.tensor([s == "cosine" for s in SCHEDULES]).repeat_interleave(c.seeds).repeat(len(c.rates)).unsqueeze(1)
    )
    runner, found = contestant(task, rows), []
    for step in range(c.steps):
        examples = task.examples(c.seeds, generator).repeat(settings, 1)
        _, gradient = task.gradient(rows, examples)
        with torch.no_grad():
            way = runner.direction(rows, gradient.nan_to_num(0.0, 0.0, 0.0))
            rows = rows - rates * torch.where(falls, _schedule(step, c), 1.0) * way
            rows = rows.nan_to_num(0.0, 0.0, 0.0).clamp(-1e6, 1e6)
        if (step + 1) % c.every == 0:
            found.append(task.full_loss(rows).nan_to_num(float("inf")))
    return torch.stack(found, -1).view(len(c.rates), len(SCHEDULES), c.seeds, -1)


def _schedule(step: int, c: RaceConfig) -> float:
    rising = (step + 1) / max(1.0, c.warmup * c.steps)
    return min(1.0, rising) * 0.5 * (1 + math.cos(math.pi * step / c.steps))


@dataclass(frozen=True)
class Best:
    """An optimizer at the rate and schedule whose mean final loss over seeds is lowest."""

    rate: float
    schedule: str
    curve: Float[Tensor, "seeds measurements"]

    @property
    def final(self) -> float:
        """Mean final loss."""
        return float(self.curve[:, -1].mean())


def best(curves: Curves, config: RaceConfig) -> Best:
    """The best setting of the grid."""
    final = curves[..., -1].mean(-1)
    rate, schedule = divmod(int(final.argmin()), len(SCHEDULES))
    return Best(config.rates[rate], SCHEDULES[schedule], curves[rate, schedule])


def steps_to(curve: Float[Tensor, "seeds measurements"], target: float, every: int) -> float:
    """Steps until the mean loss over seeds is at the target or below; infinite if never."""
    there = (curve.mean(0) <= target).nonzero()
    return float((int(there[0]) + 1) * every) if len(there) else float("inf")


def speedups(results: Mapping[str, Best], reference: str, every: int) -> dict[str, float]:
    """How many times fewer steps each optimizer needs to the final loss of a reference; below 1: it ends above it."""
    target, steps = results[reference].final, results[reference].curve.shape[1] * every
    return {name: steps / steps_to(each.curve, target, every) for name, each in results.items()}


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values)) if all(values) else 0.0
