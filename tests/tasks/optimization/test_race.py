"""Races: stacked optimizers are PyTorch's own, and figures are what they say."""

import functools
import math

import pytest
import torch

from weightspace.optimizers import LearnedRule, RuleConfig
from weightspace.tasks.optimization.innertask import digits_task
from weightspace.tasks.optimization.race import (
    Adam,
    Best,
    Learned,
    Momentum,
    NewtonSchulz,
    RaceConfig,
    best,
    geometric_mean,
    race,
    speedups,
    steps_to,
)

OWN = {
    Adam: lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
    Momentum: lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
}


@pytest.fixture(scope="module")
def task():
    return digits_task("mlp", batch=16, in_features=64, hidden=[6], out_features=10)


@pytest.mark.parametrize("kind", OWN)
def test_they_step_as_those_of_pytorch(task, kind):
    generator = torch.Generator().manual_seed(0)
    rows = task.start(1, generator)
    own = rows.clone().requires_grad_()
    optimizer, runner = OWN[kind]([own]), kind(task, rows)
    for _ in range(5):
        examples = task.examples(1, generator)
        rows = rows - 1e-2 * runner.direction(rows, task.gradient(rows, examples)[1])
        optimizer.zero_grad()
        task.loss(own, examples).sum().backward()
        optimizer.step()
    torch.testing.assert_close(rows, own.detach(), rtol=1e-4, atol=1e-6)


def test_every_optimizer_trains_at_its_best_rate(task):
    config = RaceConfig(steps=60, rates=(1e-3, 1e-2, 1e-1), seeds=2)
    learned = functools.partial(Learned, rule=LearnedRule(RuleConfig()))
    for kind in (Adam, Momentum, NewtonSchulz):
        curves = race(task, kind, config)
        assert curves.shape == (3, 2, 2, 6)
        assert best(curves, config).final < 0.7 * math.log(10)
    assert race(task, learned, config).isfinite().all()


def test_speedups_are_ratios_of_steps():
    line = lambda *values: Best(1e-3, "cosine", torch.tensor([values]))  # noqa: E731
    results = {"adam": line(3.0, 2.0, 1.0, 0.5), "fast": line(1.0, 0.5, 0.4, 0.3), "worse": line(3.0, 2.0, 1.0, 0.6)}
    assert speedups(results, "adam", 10) == {"adam": 1.0, "fast": 2.0, "worse": 0.0}
    assert steps_to(results["worse"].curve, 0.5, 10) == math.inf
    assert geometric_mean([1.0, 4.0]) == 2.0 and geometric_mean([0.0, 4.0]) == 0.0


def test_the_best_setting_has_the_lowest_mean_at_the_end():
    curves = torch.ones(2, 2, 3, 4)
    curves[1, 0, :, -1] = 0.5
    curves[0, 1, 0, -1] = 0.1  # lower for one seed alone
    found = best(curves, RaceConfig(rates=(1e-3, 1e-2)))
    assert (found.rate, found.schedule) == (1e-2, "constant")
