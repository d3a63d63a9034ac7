"""The second stage of training an update rule: persistent evolution strategies on whole trainings."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.optimizers.rule.learnedrule import Layers, LearnedRule, directions
from weightspace.optimizers.rule.rulestate import RuleState, features
from weightspace.tasks.optimization.innertask import InnerTask


@dataclass(frozen=True)
class EvolutionConfig:
    """How a rule is trained through trainings.

    Args:
        pairs: of trainings at once, each pair with the rule moved there and back.
        truncation: steps between two changes of the rule.
        shortest: training, in steps.
        longest: training, in steps; lengths are drawn log-uniformly.
        spread: of the moves.
        lowest: rate of a training; it falls to 0 on a cosine.
        highest: rate of a training; rates are drawn log-uniformly.
        seed: of all random numbers.
    """

    pairs: int = 16
    truncation: int = 50
    shortest: int = 100
    longest: int = 1000
    spread: float = 0.01
    lowest: float = 1e-3
    highest: float = 1e-2
    seed: int = 0


class Trainings:
    """Pairs of trainings of one task, in every pair the same start, data and rate and opposite moves of the rule.

    The pairs begin staggered. `advance` gives an unbiased estimate of the gradient of a whole training's mean loss from
    a few steps of it: moves are summed up over a training. Vicol et al. 2021, "Unbiased gradient estimation in unrolled
    computation graphs with persistent evolution strategies", algorithm 2.
    """

    def __init__(self, task: InnerTask, config: EvolutionConfig, meta: int, number: int):
        self.task, self.config = task, config
        self.generator = torch.Generator().manual_seed(1_000_003 * config.seed + number)
        pairs = config.pairs
        self.moves = torch.zeros(pairs, meta)
        self.rows = self._both(task.start(pairs, self.generator))
        self.state = RuleState.zeros(task.packing, self.rows)
        self.rates, self.scales = torch.ones(pairs, 1), torch.ones(pairs, 1)
        self.lengths = torch.ones(pairs, dtype=torch.long)
        self.steps = torch.zeros(pairs, dtype=torch.long)
        self.first = torch.ones(pairs)
        self._begin(torch.arange(pairs))
        self.steps = (torch.rand(pairs, generator=self.generator) * self.lengths).long()

    def advance(self, rule: LearnedRule) -> tuple[Float[Tensor, " meta"], float]:
        """The gradient's estimate with respect to the rule's parameters, and the mean loss over that of fresh nets."""
        c = self.config
        move = torch.randn(self.moves.shape, generator=self.generator) * c.spread
        self.moves += move
        center = torch.cat([p.detach().flatten() for p in rule.parameters()])
        layers = unpacked(torch.cat([center + move, center - move]), rule)
        losses = torch.stack([self._step(layers, rule.config.epsilon) for _ in range(c.truncation)]).mean(0)
        there, back = losses.chunk(2)
        gradient = (self.moves * (there - back).unsqueeze(1)).mean(0) / (2 * c.spread**2)
        self._begin((self.steps >= self.lengths).nonzero().flatten())
        return gradient, float(losses.mean())

    @torch.no_grad()
    def _step(self, layers: Layers, epsilon: float) -> Float[Tensor, " runs"]:
        """One step of all trainings; their losses over those of fresh nets, 2 at most."""
        packing = self.task.packing
        examples = self._both(self.task.examples(self.config.pairs, self.generator))
        with torch.enable_grad():
            losses, gradient = self.task.gradient(self.rows, examples)
        scales = self._both(self.scales)
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0) * scales
        self.state.update(gradient, packing)
        way = directions(layers, features(self.state, self.rows / scales, gradient, packing, epsilon), packing, epsilon)
        falling = 0.5 * (1 + torch.cos(math.pi * (self.steps / self.lengths).clamp(max=1)))
        self.rows = self.rows - self._both(self.rates * falling.unsqueeze(1)) * way
        self.steps += 1
        return (losses / self._both(self.first)).nan_to_num(2.0, 2.0, 2.0).clamp(max=2.0)

    def _begin(self, pairs: Int[Tensor, " some"]) -> None:
        """Starts some pairs anew."""
        if not len(pairs):
            return
        c, g, n = self.config, self.generator, len(pairs)
        rows = self.task.start(n, g)
        examples = self.task.examples(n, g)
        both = torch.cat([pairs, pairs + c.pairs])
        self.rows[both] = self._both(rows)
        for kept in (self.state.momentum, self.state.square, self.state.rows, self.state.columns):
            kept[both] = 0.0
        self.moves[pairs], self.steps[pairs] = 0.0, 0
        self.first[pairs] = self.task.loss(rows, examples).detach()
        self.rates[pairs] = _log_uniform(c.lowest, c.highest, n, g)
        self.scales[pairs] = _log_uniform(1e-3, 1e3, n, g)
        self.lengths[pairs] = _log_uniform(c.shortest, c.longest, n, g).flatten().long()

    @staticmethod
    def _both(of_pairs: Tensor) -> Tensor:
        return torch.cat([of_pairs, of_pairs])


def unpacked(rows: Float[Tensor, "runs meta"], rule: LearnedRule) -> Layers:
    """Layers of a rule for every run, from rows of its parameters."""
    parts, offset = [], 0
    for parameter in rule.parameters():
        parts.append(rows[:, offset : offset + parameter.numel()].unflatten(1, parameter.shape))
        offset += parameter.numel()
    return list(zip(parts[::2], parts[1::2], strict=True))


def _log_uniform(low: float | int, high: float | int, n: int, generator: torch.Generator) -> Float[Tensor, "n 1"]:
    return low * (high / low) ** torch.rand(n, 1, generator=generator)
