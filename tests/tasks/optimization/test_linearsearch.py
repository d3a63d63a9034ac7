"""Linear rules: the perceptron computes them exactly, and the search finds better ones than it begins with."""

import pytest
import torch

from weightspace.optimizers import LearnedRule, RuleConfig
from weightspace.optimizers.rule.rulestate import RuleState, features
from weightspace.tasks.optimization.innertask import digits_task
from weightspace.tasks.optimization.linearsearch import (
    ADAM,
    READ,
    SearchConfig,
    as_rule,
    search_linear,
    train_linear,
)


@pytest.fixture(scope="module")
def task():
    return digits_task("mlp", batch=16, in_features=64, hidden=[6], out_features=10)


def test_the_perceptron_is_the_linear_rule(task):
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(len(READ), generator=generator)
    rows = task.start(2, generator)
    state, gradient = RuleState.zeros(task.packing, rows), torch.randn(rows.shape, generator=generator)
    state.update(gradient, task.packing)
    found = features(state, rows, gradient, task.packing, 1e-24)[:, READ]
    way = as_rule(coefficients)(state, rows, gradient, task.packing)
    for own, part in zip(way.split(task.packing.sizes, -1), found.split(task.packing.sizes, -1), strict=True):
        unit = part / part.square().mean(-1, keepdim=True).sqrt()
        wanted = torch.einsum("f,rfe->re", coefficients, unit)
        torch.testing.assert_close(own, wanted / wanted.square().mean(-1, keepdim=True).sqrt(), rtol=1e-3, atol=1e-3)


def test_features_without_a_sign_arent_read():
    assert not {6, 10, *range(15, 27)} & set(READ) and READ[ADAM] == 7


def test_a_rule_needs_two_units():
    with pytest.raises(ValueError, match="hidden must be 2 or more"):
        as_rule(torch.ones(len(READ)), RuleConfig(hidden=1))
    assert isinstance(as_rule(torch.ones(len(READ)), RuleConfig(hidden=2)), LearnedRule)


def test_better_rules_are_found(task):
    """Beginning with Adam's direction, and a task where a short memory is better."""
    config = SearchConfig(rounds=6, tried=12, tasks=1, shortest=20, longest=21)
    seen = []
    center = search_linear([task], config, lambda number, rank: seen.append((number, rank)))
    first = torch.zeros(len(READ))
    first[ADAM] = 1.0
    generator = torch.Generator().manual_seed(9)
    losses = torch.stack([train_linear(task, torch.stack([first, center]), 1e-2, 20, generator) for _ in range(5)])
    assert losses[:, 1].mean() < losses[:, 0].mean()
    assert [number for number, _ in seen] == list(range(6)) and all(0 <= rank <= 1 for _, rank in seen)
    assert float(center.norm()) == pytest.approx(1)
