"""A stage before evolution: the best of the update rules that are linear in what they read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.optimizers.rule.learnedrule import LearnedRule, RuleConfig
from weightspace.optimizers.rule.rulestate import RuleState, features
from weightspace.tasks.optimization.innertask import InnerTask

READ = (0, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 27, 28, 29)
"""Of the 30 features, those with a gradient's sign: gradient and momenta, plain and over roots of mean squares.

The weight isn't among them: a search that read it found a rule under which weights grow, which lowers the loss on small
training sets, and which nobody expects of an optimizer.
"""

ADAM = READ.index(7)
"""Momentum of decay .9 over the root of the mean square."""


@dataclass(frozen=True)
class SearchConfig:
    """How linear rules are searched.

    Args:
        rounds: of trying `tried` rules on `tasks` of the tasks, in turn.
        tried: rules a round; the better quarter makes the next center.
        tasks: of a round.
        spread: of the tried rules' coefficients around a center of size 1; it falls to a fifth.
        shortest: training, in steps.
        longest: training; lengths are drawn log-uniformly, the same for all of a round.
        rates: the range of rates, drawn log-uniformly around the task's best; the same for all of a round.
        seed: of all random numbers.
    """

    rounds: int = 60
    tried: int = 16
    tasks: int = 3
    spread: float = 0.2
    shortest: int = 60
    longest: int = 200
    rates: float = 2.0
    seed: int = 0


Coefficients = Float[Tensor, "rules 14"]


def search_linear(
    tasks: Sequence[InnerTask],
    config: SearchConfig,
    watch: Callable[[int, float], None] = lambda step, value: None,
) -> Float[Tensor, " 14"]:
    """Coefficients of the best linear rule, by an evolution strategy with weighted recombination.

    All rules of a round train from the same starts on the same data at the same rate, so that ranks compare them. Ranks
    are summed up over tasks. Hansen 2016, "The CMA evolution strategy: A tutorial", equations 6 and 9, with a fixed
    spread in place of an adapted one.

    Args:
        watch: called with the round and the center's mean rank among the tried ones, from 0 (best) to 1.
    """
    generator = torch.Generator().manual_seed(config.seed)
    center = torch.zeros(len(READ))
    center[ADAM] = 1.0
    rates = [_best_rate(task, center, generator) for task in tasks]
    kept = max(2, config.tried // 4)
    weights = math.log(kept + 0.5) - torch.arange(1, kept + 1).log()
    weights = weights / weights.sum()
    for number in range(config.rounds):
        spread = config.spread * 0.2 ** (number / config.rounds)
        tried = center + spread * torch.randn(config.tried, len(READ), generator=generator)
        tried[-1] = center
        ranks = torch.zeros(config.tried)
        chosen = [(number * config.tasks + i) % len(tasks) for i in range(config.tasks)]
        for task, rate in ((tasks[i], rates[i]) for i in chosen):
            steps = int(_drawn(config.shortest, config.longest, generator))
            rate = rate * _drawn(1 / config.rates, config.rates, generator)
            losses = train_linear(task, tried, rate, steps, generator)
            ranks += losses.argsort().argsort() / (config.tried - 1) / config.tasks
        watch(number, float(ranks[-1]))
        center = (weights.unsqueeze(1) * tried[ranks.argsort()[:kept]]).sum(0)
        center = center / center.norm()
    return center


@torch.no_grad()
def train_linear(
    task: InnerTask, rules: Coefficients, rate: float | Float[Tensor, "rules 1"], steps: int, generator: torch.Generator
) -> Float[Tensor, " rules"]:
    """Losses at the end of a training by every rule, on a cosine, from one start and the same data."""
    rows = task.start(1, generator).repeat(len(rules), 1)
    state, packing = RuleState.zeros(task.packing, rows), task.packing
    for step in range(steps):
        examples = task.examples(1, generator).expand(len(rules), -1)
        with torch.enable_grad():
            _, gradient = task.gradient(rows, examples)
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        state.update(gradient, packing)
        way = _directions(rules, features(state, rows, gradient, packing, 1e-24)[:, READ], task)
        rows = rows - rate * 0.5 * (1 + math.cos(math.pi * step / steps)) * way
    return task.full_loss(rows).nan_to_num(math.inf)


def as_rule(coefficients: Float[Tensor, " 14"], config: RuleConfig | None = None, seed: int = 0) -> LearnedRule:
    """The perceptron that computes a linear rule exactly; nothing reads the units that it leaves free."""
    config = config or RuleConfig()
    if config.hidden < 2:
        raise ValueError(f"hidden must be 2 or more for a linear rule, got {config.hidden}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rule = LearnedRule(config)
    first, second, last = (layer for layer in rule.layers if isinstance(layer, nn.Linear))
    with torch.no_grad():
        for layer in (first, second, last):
            layer.bias.zero_()
        first.weight[:2] = 0.0
        first.weight[0, list(READ)] = coefficients
        first.weight[1, list(READ)] = -coefficients
        second.weight[:2] = 0.0
        second.weight[:2, :2] = torch.eye(2)
        last.weight.zero_()
        last.weight[0, :2] = torch.tensor([1.0, -1.0])
    return rule


def _directions(
    rules: Coefficients, found: Float[Tensor, "rules 14 entries"], task: InnerTask
) -> Float[Tensor, "rules entries"]:
    outs = []
    for part in found.split(task.packing.sizes, -1):
        size = torch.linalg.vector_norm(part, dim=-1, keepdim=True).clamp_min(1e-20) / part.shape[-1] ** 0.5
        way = torch.einsum("rf,rfe->re", rules / size.squeeze(-1), part)
        outs.append(way / (torch.linalg.vector_norm(way, dim=-1, keepdim=True) / way.shape[-1] ** 0.5).clamp_min(1e-20))
    return torch.cat(outs, -1)


def _best_rate(task: InnerTask, center: Float[Tensor, " 14"], generator: torch.Generator) -> float:
    """The rate that suits the first rule, of seven."""
    rates = 10 ** torch.linspace(-3.5, -0.5, 7)
    losses = train_linear(task, center.repeat(len(rates), 1), rates.unsqueeze(1), 200, generator)
    return float(rates[losses.argmin()])


def _drawn(low: float | int, high: float | int, generator: torch.Generator) -> float:
    return low * (high / low) ** float(torch.rand(1, generator=generator))
