"""The optimizers of a race, each on many nets at once, a row a net."""

from abc import ABC, abstractmethod
from dataclasses import fields

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.optimizers.orthogonal import orthogonalized
from weightspace.optimizers.rule.learnedrule import LearnedRule
from weightspace.optimizers.rule.rulestate import RuleState
from weightspace.tasks.optimization.innertask import InnerTask

Rows = Float[Tensor, "runs entries"]
Rates = Float[Tensor, "runs 1"]
CACHED = 1 << 14
"""Weights of which a rule's 30 numbers fit into a processor's cache: a third of the time of all at once."""


class Contestant(ABC):
    """An optimizer of rows, each at a rate of its own.

    Attributes:
        average: what is judged in place of the rows that are trained, if it isn't these.
    """

    average: Rows | None = None

    def __init__(self, task: InnerTask, rows: Rows):
        self.task, self.count = task, 0

    @abstractmethod
    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        """The rows after a step."""


class AdamW(Contestant):
    """AdamW with PyTorch's defaults: decay .01."""

    def __init__(self, task: InnerTask, rows: Rows, decay: float = 0.01):
        super().__init__(task, rows)
        self.decay = decay
        self.first, self.second = torch.zeros_like(rows), torch.zeros_like(rows)

    def direction(self, gradient: Rows) -> Rows:
        """The first moment over the root of the second."""
        self.count += 1
        self.first.lerp_(gradient, 0.1)
        self.second.lerp_(gradient.square(), 0.001)
        root = (self.second / (1 - 0.999**self.count)).sqrt() + 1e-8
        return self.first / (1 - 0.9**self.count) / root

    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        return rows * (1 - rates * self.decay) - rates * self.direction(gradient)


class Momentum(Contestant):
    """Stochastic gradient descent with momentum .9."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.velocity = torch.zeros_like(rows)

    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        self.velocity.mul_(0.9).add_(gradient)
        return rows - rates * self.velocity


class ScheduleFree(Contestant):
    """AdamW with an average in place of a schedule; Defazio et al. 2024, "The road less scheduled", algorithm 1."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.fast, self.second = rows.clone(), torch.zeros_like(rows)
        self.total, self.highest = torch.zeros(len(rows), 1), torch.zeros(len(rows), 1)

    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        self.count += 1
        self.second.lerp_(gradient.square(), 0.001)
        way = gradient / ((self.second / (1 - 0.999**self.count)).sqrt() + 1e-8)
        self.highest = torch.maximum(self.highest, rates)
        weight = self.highest.square()
        self.total = self.total + weight
        share = torch.where(self.total > 0, weight / self.total, 0.0)
        rows = torch.lerp(rows, self.fast, share) - rates * (1 - 0.9 * (1 - share)) * way
        self.fast = self.fast - rates * way
        self.average = torch.lerp(rows, self.fast, 1 - 1 / 0.9)
        return rows


class Muon(Contestant):
    """`torch.optim.Muon` with ``match_rms_adamw`` for matrices, AdamW for the last one and all other tensors.

    Convolutions count as matrices ``[out, in * kernel]``. Decay .1 for matrices, as there.
    """

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.adam, self.velocity = AdamW(task, rows), torch.zeros_like(rows)
        shapes = task.packing.shapes
        last = max(i for i, shape in enumerate(shapes) if len(shape) >= 2)
        self.matrix = [len(shape) >= 2 and i != last for i, shape in enumerate(shapes)]
        parts = [torch.full((size,), 0.1 if own else 0.01) for size, own in zip(task.packing.sizes, self.matrix,
                                                                                 strict=True)]  # fmt: skip
        self.decay = torch.cat(parts)

    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        self.velocity.lerp_(gradient, 0.05)
        look, packing = gradient.lerp(self.velocity, 0.95), self.task.packing
        pairs = zip(packing.shaped(look), packing.shaped(self.adam.direction(gradient)), self.matrix, strict=True)
        way = torch.cat([(0.2 * turned(a) if own else b).flatten(1) for a, b, own in pairs], 1)
        return rows * (1 - rates * self.decay) - rates * way


class NewtonSchulz(Contestant):
    """`weightspace.optimizers.NewtonSchulz`: what a learned rule with orthogonal matrices is without the rule."""

    def __init__(self, task: InnerTask, rows: Rows):
        super().__init__(task, rows)
        self.adam, self.velocity = AdamW(task, rows), torch.zeros_like(rows)

    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        self.velocity.lerp_(gradient, 0.05)
        look, packing = gradient.lerp(self.velocity, 0.95), self.task.packing
        pairs = zip(packing.shaped(look), packing.shaped(self.adam.direction(gradient)), strict=True)
        way = torch.cat([(turned(a) if a.ndim > 2 else b).flatten(1) for a, b in pairs], 1)
        return rows - rates * way


class Learned(Contestant):
    """A `LearnedRule`, with matrices made orthogonal or not."""

    def __init__(self, task: InnerTask, rows: Rows, rule: LearnedRule, orthogonalize: bool = False):
        super().__init__(task, rows)
        self.rule, self.orthogonalize = rule, orthogonalize
        self.state = RuleState.zeros(task.packing, rows)

    @torch.no_grad()
    def step(self, rows: Rows, gradient: Rows, rates: Rates) -> Rows:
        some = max(1, CACHED // rows.shape[1])
        way = torch.cat([self._way(i, i + some, rows, gradient) for i in range(0, len(rows), some)])
        return rows - rates * way

    def _way(self, first: int, end: int, rows: Rows, gradient: Rows) -> Float[Tensor, "some entries"]:
        """Directions of some runs: what the rule reads of them stays in the processor's cache."""
        packing = self.task.packing
        state = RuleState(*(getattr(self.state, each.name)[first:end] for each in fields(RuleState)))
        state.update(gradient[first:end], packing)
        way = self.rule(state, rows[first:end], gradient[first:end], packing)
        if not self.orthogonalize:
            return way
        return torch.cat([(turned(a) if a.ndim > 2 else a).flatten(1) for a in packing.shaped(way)], 1)


def turned(tensor: Float[Tensor, "runs out *inner"]) -> Float[Tensor, "runs out *inner"]:
    """The orthogonal direction of every run, of unit root mean square."""
    return torch.func.vmap(orthogonalized)(tensor)
