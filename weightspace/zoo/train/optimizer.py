"""The optimizers of a stack: each net with its own kind, learning rate, momentum and decay."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.zoo.recipe.hyperparameters import OPTIMIZERS, Hyperparameters
from weightspace.zoo.train.native.adam import adam_rows

BETA1, BETA2, ALPHA, EPS = 0.9, 0.999, 0.99, 1e-8


def optimizer_order(trains: list[Hyperparameters]) -> list[int]:
    """An order of nets in which every optimizer is one run of rows."""
    return sorted(range(len(trains)), key=lambda i: (OPTIMIZERS.index(trains[i].optimizer), trains[i].nesterov))


@dataclass
class StackedOptimizer:
    """State of the optimizers over ``[nets, parameters]``; rows of one kind must lie together.

    The arithmetic is ``torch.optim``'s with its default betas; ``weights`` marks the entries that ``l2`` acts on.
    """

    trains: list[Hyperparameters]
    weights: Float[Tensor, " parameters"]
    first: Float[Tensor, "nets parameters"]
    second: Float[Tensor, "nets parameters"]

    @classmethod
    def start(cls, trains: list[Hyperparameters], weights: Tensor, flat: Tensor) -> "StackedOptimizer":
        """Empty state for the nets of ``flat``."""
        return cls(trains, weights, torch.zeros_like(flat), torch.zeros_like(flat))

    def __post_init__(self):
        self.momentum = self._column("momentum")
        self.l2 = 2 * self._column("l2") * self.weights
        self.decay = self._column("weight_decay")
        self.betas = self.first.new_tensor([BETA1, BETA2])
        self.decays = any(train.weight_decay for train in self.trains)
        kinds = [(train.optimizer, train.nesterov) for train in self.trains]
        starts = [i for i in range(len(kinds)) if i == 0 or kinds[i] != kinds[i - 1]]
        ends = [*starts[1:], len(kinds)]
        self.runs = [(*kinds[a], slice(a, b)) for a, b in zip(starts, ends, strict=True)]
        assert len({run[:2] for run in self.runs}) == len(self.runs)

    def select(self, rows: list[int]) -> "StackedOptimizer":
        """The state of some of the nets."""
        return StackedOptimizer([self.trains[i] for i in rows], self.weights, self.first[rows], self.second[rows])

    def restart(self, rows: list[int], trains: list[Hyperparameters]) -> None:
        """Gives rows to other nets of the same kind."""
        for row, train in zip(rows, trains, strict=True):
            assert (train.optimizer, train.nesterov) == (self.trains[row].optimizer, self.trains[row].nesterov)
            self.trains[row] = train
        self.first[rows], self.second[rows] = 0.0, 0.0
        self.decays = self.decays or any(train.weight_decay > 0 for train in trains)
        self.momentum[rows] = self._column("momentum", trains)
        self.decay[rows] = self._column("weight_decay", trains)
        self.l2[rows] = 2 * self._column("l2", trains) * self.weights

    @torch.no_grad()
    def step(
        self, flat: Tensor, grad: Tensor, lr: Float[Tensor, "nets 1"], step: int | Float[Tensor, "nets 1"]
    ) -> None:
        """Moves ``flat`` in place; ``step`` counts from 1, for all nets or net by net."""
        if any(train.l2 for train in self.trains):
            grad = grad + self.l2 * flat
        for kind, nesterov, rows in self.runs:
            args = flat[rows], grad[rows], lr[rows], rows
            if kind == "sgd":
                self._sgd(*args, nesterov)
            elif kind == "rmsprop":
                self._rmsprop(*args)
            else:
                self._adam(*args, step if isinstance(step, int) else step[rows], decoupled=kind == "adamw")

    def _sgd(self, p: Tensor, g: Tensor, lr: Tensor, rows: slice, nesterov: bool) -> None:
        g = torch.addcmul(g, p, self.decay[rows])
        velocity = self.first[rows].mul_(self.momentum[rows]).add_(g)
        p.addcmul_(lr, torch.addcmul(g, velocity, self.momentum[rows]) if nesterov else velocity, value=-1)

    def _rmsprop(self, p: Tensor, g: Tensor, lr: Tensor, rows: slice) -> None:
        g = torch.addcmul(g, p, self.decay[rows])
        square = self.second[rows].mul_(ALPHA).addcmul_(g, g, value=1 - ALPHA)
        p.addcmul_(lr, g.div_(square.sqrt().add_(EPS)), value=-1)

    def _adam(self, p: Tensor, g: Tensor, lr: Tensor, rows: slice, step: int | Tensor, decoupled: bool) -> None:
        steps = step if isinstance(step, Tensor) else torch.full_like(lr, float(step))
        state = self.first[rows], self.second[rows], lr, self.decay[rows], steps
        if adam_rows(p, g, *state, decoupled=decoupled, betas=(BETA1, BETA2), eps=EPS):
            return
        if self.decays and decoupled:
            p.mul_(1 - lr * self.decay[rows])
        elif self.decays:
            g = torch.addcmul(g, p, self.decay[rows])
        mean = self.first[rows].lerp_(g, 1 - BETA1)
        square = self.second[rows].mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        seen = 1 - self.betas**steps  # what of the averages isn't their zero start
        scale = (square / seen[:, 1:]).sqrt_().add_(EPS)
        p.addcmul_(lr / seen[:, :1], mean / scale, value=-1)

    def _column(self, name: str, trains: list[Hyperparameters] | None = None) -> Tensor:
        values = [[getattr(train, name)] for train in (self.trains if trains is None else trains)]
        return torch.tensor(values, dtype=self.first.dtype, device=self.first.device)


def learning_rates(trains: list[Hyperparameters], steps: Int[Tensor, "... nets"]) -> Float[Tensor, "... nets"]:
    """The learning rates of nets at their steps, from 1 to ``train.steps``, in float64."""
    lr, total, warmup = (
        torch.tensor([getattr(train, name) for train in trains], dtype=torch.float64)
        for name in ("lr", "steps", "warmup")
    )
    rates, done = lr.expand(steps.shape), (steps - 1) / total
    for schedule, factor in (("step", lambda: 0.1 ** (3 * done).floor()), ("cosine", lambda: _cosine(done))):
        chosen = torch.tensor([train.schedule == schedule for train in trains])
        if chosen.any():
            rates = torch.where(chosen, rates * factor(), rates)
    warm = warmup * total
    return torch.where(warm >= 1, rates * (steps / warm).clamp(max=1), rates) if (warm >= 1).any() else rates


def _cosine(done: Tensor) -> Tensor:
    return 0.5 * (1 + torch.cos(math.pi * done))
