"""The first stage of training an update rule: it learns to point where Adam points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.optimizers.rule.learnedrule import LearnedRule, directions
from weightspace.optimizers.rule.rulestate import RuleState, features
from weightspace.tasks.optimization.innertask import InnerTask

BETA1, BETA2 = 0.9, 0.999


@dataclass(frozen=True)
class ImitationConfig:
    """How a rule learns from Adam.

    Args:
        steps: of the rule's own training.
        runs: trainings at once.
        length: steps of each training before it starts anew.
        rate: of the rule's own training.
        seed: of all random numbers.
    """

    steps: int = 1500
    runs: int = 8
    length: int = 100
    rate: float = 3e-3
    seed: int = 0


def imitate(
    rule: LearnedRule,
    tasks: Sequence[InnerTask],
    config: ImitationConfig,
    watch: Callable[[int, float], None] = lambda step, cosine: None,
) -> float:
    """Trains a rule on runs that Adam makes, to give Adam's direction; afterwards the cosine between the two.

    Every run has a rate of its own, from 1e-4 to 1e-2, and weights and gradients scaled by up to 1e3 either way as a
    change of parametrisation would, so that the rule can't count on their size.
    """
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.Adam(rule.parameters(), lr=config.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    runs, cosine = None, 0.0
    for step in range(config.steps):
        if runs is None or runs.step == config.length:
            task = tasks[(step // config.length) % len(tasks)]
            runs = AdamRuns.begin(task, config.runs, generator)
        found, wanted = runs.advance(generator, rule.config.epsilon)
        way = directions(rule.parts, found, runs.task.packing, rule.config.epsilon)
        likeness = torch.stack([(a * b).mean() for a, b in _tensors(way, wanted, runs.task)]).mean()
        optimizer.zero_grad()
        (1 - likeness).backward()
        optimizer.step()
        schedule.step()
        cosine = likeness.item() if step == 0 else 0.95 * cosine + 0.05 * likeness.item()
        watch(step, cosine)
    return cosine


@dataclass
class AdamRuns:
    """Trainings by Adam, and what a rule would have seen of them."""

    task: InnerTask
    rows: Float[Tensor, "runs entries"]
    state: RuleState
    second: Float[Tensor, "runs entries"]
    rates: Float[Tensor, "runs 1"]
    scales: Float[Tensor, "runs 1"]
    step: int = 0

    @classmethod
    def begin(cls, task: InnerTask, runs: int, generator: torch.Generator) -> "AdamRuns":
        """Fresh nets."""
        rows = task.start(runs, generator)
        rates = 10 ** (-4 + 2 * torch.rand(runs, 1, generator=generator))
        scales = 10 ** (-3 + 6 * torch.rand(runs, 1, generator=generator))
        return cls(task, rows, RuleState.zeros(task.packing, rows), torch.zeros_like(rows), rates, scales)

    @torch.no_grad()
    def advance(self, generator: torch.Generator, epsilon: float) -> tuple[Tensor, Tensor]:
        """One step of Adam; what the rule reads there, and Adam's direction at unit size for every tensor."""
        with torch.enable_grad():
            _, gradient = self.task.gradient(self.rows, self.task.examples(len(self.rows), generator))
        self.step += 1
        packing, scaled = self.task.packing, gradient * self.scales
        self.state.update(scaled, packing)
        self.second.lerp_(scaled.square(), 1 - BETA2)
        root = (self.second / (1 - BETA2**self.step)).sqrt()
        way = self.state.momentum[:, 0] / (1 - BETA1**self.step) / root.clamp_min(1e-12)
        found = features(self.state, self.rows / self.scales, scaled, packing, epsilon)
        self.rows = self.rows - self.rates * way
        size = packing.spread([square.sqrt().clamp_min(1e-12) for square in packing.mean_squares(way)])
        return found, way / size


def _tensors(one: Tensor, other: Tensor, task: InnerTask) -> list[tuple[Tensor, Tensor]]:
    sizes = task.packing.sizes
    return list(zip(one.split(sizes, -1), other.split(sizes, -1), strict=True))
