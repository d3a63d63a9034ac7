"""Races: picked on some seeds and judged on others, and figures are what they say."""

import functools
import math

import pytest
import torch

from weightspace.optimizers import LearnedRule, RuleConfig
from weightspace.tasks.optimization.contestants import AdamW, Learned, Momentum, NewtonSchulz
from weightspace.tasks.optimization.innertask import digits_task
from weightspace.tasks.optimization.race import (
    RaceConfig,
    RaceResult,
    Setting,
    compete,
    geometric_mean,
    race,
    speedup,
    speedups,
    steps_to,
)

CONFIG = RaceConfig(steps=60, rates=(1e-3, 1e-2, 1e-1), seeds=2)


@pytest.fixture(scope="module")
def task():
    return digits_task("mlp", batch=16, in_features=64, hidden=[6], out_features=10)


def outcome(*losses):
    curve = torch.tensor([losses])
    return RaceResult(Setting(1e-3, "cosine"), curve, curve, (1.0, 0.5))


def test_every_optimizer_trains_at_its_best_rate(task):
    learned = functools.partial(Learned, rule=LearnedRule(RuleConfig()))
    for kind in (AdamW, Momentum, NewtonSchulz):
        found = compete(task, kind, CONFIG, 1e-3)
        assert found.curve.shape == found.default.shape == (2, 6) and len(found.finals) == 6
        assert found.final < 0.7 * math.log(10)
        assert found.final < float(found.default[:, -1].mean())
    assert compete(task, learned, CONFIG, 1e-3).curve.isfinite().all()


def test_settings_share_starts_and_data_and_differ_in_rate(task):
    settings = [Setting(1e-2, "constant"), Setting(1e-2, "constant"), Setting(1e-3, "constant")]
    curves = race(task, AdamW, settings, CONFIG, 2, 0)
    torch.testing.assert_close(curves[0], curves[1])
    assert not torch.allclose(curves[0], curves[2]) and not torch.allclose(curves[0, 0], curves[0, 1])


def test_judged_seeds_arent_those_that_picked(task):
    config = RaceConfig(steps=20, rates=(1e-2,), picking=2, seeds=2)
    found = compete(task, AdamW, config, 1e-2)
    assert min(abs(final - found.final) for final in found.finals) > 1e-4


def test_speedups_are_ratios_of_steps():
    outcomes = {
        "adam": outcome(3.0, 2.0, 1.0, 0.5),
        "fast": outcome(1.0, 0.5, 0.4, 0.3),
        "worse": outcome(3.0, 2.0, 1.0, 0.9),
    }
    between = math.log(1 / 0.9) / math.log(1 / 0.5)
    wanted = {"adam": 1.0, "fast": 2.0, "worse": (3 + between) / 4}
    assert speedups(outcomes, "adam", 10) == pytest.approx(wanted)
    assert speedup(outcome(3.0, 3.0, 2.5, 1.0), outcomes["adam"], 10) == pytest.approx(0.75)  # AdamW after three
    assert steps_to(outcomes["adam"].curve, math.sqrt(2), 10) == pytest.approx(25)
    assert steps_to(outcomes["adam"].curve, 4.0, 10) == 10
    assert steps_to(outcomes["worse"].curve, 0.5, 10) == math.inf
    assert geometric_mean([1.0, 4.0]) == 2.0 and geometric_mean([0.0, 4.0]) == 0.0


def test_rates_count_as_usable_with_their_better_schedule():
    finals = (5.0, 1.0, 2.0, 1.4, 3.0, 3.0)
    assert RaceResult(Setting(1e-3, "cosine"), torch.ones(1, 1), torch.ones(1, 1), finals).usable_rates == 2
