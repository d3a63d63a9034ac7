"""Optimizers against each other on one task: every rate and schedule of a grid, several seeds, all trained at once."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.tasks.optimization.contestants import Contestant
from weightspace.tasks.optimization.innertask import InnerTask

SCHEDULES = ("constant", "cosine")
Curves = Float[Tensor, "settings seeds measurements"]
Start = Callable[[InnerTask, Tensor], Contestant]


@dataclass(frozen=True)
class Setting:
    """A rate, and ``constant`` or ``cosine`` (which begins with a warm-up)."""

    rate: float
    schedule: str


@dataclass(frozen=True)
class RaceConfig:
    """What every optimizer gets.

    Args:
        steps: of a training.
        rates: the grid.
        picking: seeds on which rate and schedule are picked.
        seeds: others, which are judged.
        every: steps between two measurements.
        warmup: share of the steps in which the rate of a cosine schedule rises.
        seed: of all random numbers.
    """

    steps: int = 1000
    rates: tuple[float, ...] = tuple(10 ** (-4 + 0.5 * i) for i in range(8))
    picking: int = 1
    seeds: int = 5
    every: int = 10
    warmup: float = 0.05
    seed: int = 0

    @property
    def grid(self) -> list[Setting]:
        """All rates with both schedules."""
        return [Setting(rate, schedule) for rate in self.rates for schedule in SCHEDULES]


@dataclass(frozen=True)
class RaceResult:
    """How an optimizer did on a task.

    Args:
        setting: whose mean final loss was lowest on the picking seeds.
        curve: losses of the judged seeds with it.
        default: the same with the rate that users get who set none, constant.
        finals: mean final loss of every setting of the grid, on the picking seeds.
    """

    setting: Setting
    curve: Float[Tensor, "seeds measurements"]
    default: Float[Tensor, "seeds measurements"]
    finals: tuple[float, ...]

    @property
    def final(self) -> float:
        """Mean final loss."""
        return float(self.curve[:, -1].mean())

    @property
    def usable_rates(self) -> int:
        """Rates of the grid that end, with their better schedule, at 1.5 times the best final loss or below."""
        finals = torch.tensor(self.finals).view(-1, len(SCHEDULES)).amin(1)
        return int((finals <= 1.5 * finals.min()).sum())


def race(
    task: InnerTask, start: Start, settings: Sequence[Setting], config: RaceConfig, seeds: int, seed: int
) -> Curves:
    """Losses on the task's examples, every ``every`` steps: all settings and seeds at once.

    A seed has the same start and data whatever the setting and the optimizer.
    """
    c, generator = config, torch.Generator().manual_seed(seed)
    rows = task.start(seeds, generator).repeat(len(settings), 1)
    rates = torch.tensor([s.rate for s in settings]).repeat_interleave(seeds).unsqueeze(1)
    falls = torch.tensor([s.schedule == "cosine" for s in settings]).repeat_interleave(seeds).unsqueeze(1)
    runner, found = start(task, rows), []
    for step in range(c.steps):
        examples = task.examples(seeds, generator).repeat(len(settings), 1)
        _, gradient = task.gradient(rows, examples)
        with torch.no_grad():
            rows = runner.step(rows, gradient.nan_to_num(0.0, 0.0, 0.0), rates * torch.where(falls, _share(step, c), 1))
            rows = rows.nan_to_num(0.0, 0.0, 0.0).clamp(-1e6, 1e6)
        if (step + 1) % c.every == 0:
            judged = rows if runner.average is None else runner.average.nan_to_num(0.0, 0.0, 0.0).clamp(-1e6, 1e6)
            found.append(task.full_loss(judged).nan_to_num(float("inf")))
    return torch.stack(found, -1).view(len(settings), seeds, -1)


def compete(task: InnerTask, start: Start, config: RaceConfig, default_rate: float) -> RaceResult:
    """Picks rate and schedule on some seeds, and judges them on others."""
    grid = config.grid
    finals = race(task, start, grid, config, config.picking, config.seed + 1)[..., -1].mean(-1)
    setting = grid[int(finals.argmin())]
    judged = [setting, Setting(default_rate, "constant")]
    curve, default = race(task, start, judged, config, config.seeds, config.seed + 2)
    return RaceResult(setting, curve, default, tuple(finals.tolist()))


def steps_to(curve: Float[Tensor, "seeds measurements"], target: float, every: int) -> float:
    """Steps until the mean loss over seeds is at the target; infinite if never.

    Between two measurements the loss counts as falling exponentially.
    """
    mean = curve.mean(0)
    there = (mean <= target).nonzero()
    if not len(there):
        return math.inf
    first = int(there[0])
    if first == 0 or float(mean[first]) <= 0 or not math.isfinite(float(mean[first - 1])):
        return float((first + 1) * every)
    before, after = math.log(float(mean[first - 1])), math.log(float(mean[first]))
    return every * (first + (before - math.log(target)) / (before - after))


def speedup(outcome: RaceResult, reference: RaceResult, every: int) -> float:
    """How many times fewer steps an optimizer needs to a reference's final loss.

    Where it never gets there: the steps in which the reference comes to the loss at which it ends, over all steps; then
    the value is below 1.
    """
    steps = reference.curve.shape[1] * every
    there = steps_to(outcome.curve, reference.final, every)
    return steps / there if there < math.inf else steps_to(reference.curve, outcome.final, every) / steps


def speedups(outcomes: Mapping[str, RaceResult], reference: str, every: int) -> dict[str, float]:
    """`speedup` of every optimizer."""
    return {name: speedup(outcome, outcomes[reference], every) for name, outcome in outcomes.items()}


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(math.log(value) for value in values) / len(values)) if all(values) else 0.0


def _share(step: int, c: RaceConfig) -> float:
    """Of the rate, with warm-up and cosine."""
    rising = (step + 1) / max(1.0, c.warmup * c.steps)
    return min(1.0, rising) * 0.5 * (1 + math.cos(math.pi * step / c.steps))
