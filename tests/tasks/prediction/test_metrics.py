import itertools
import math

import pytest
import torch

from weightspace.tasks.prediction.metrics import (
    auc,
    calibration,
    class_score,
    kendall_tau,
    mean_absolute_error,
    r_squared,
    score,
    tau_ceiling,
)


def slow_tau_b(predicted, true):
    concordant = discordant = tied_predicted = tied_true = 0
    pairs = list(itertools.combinations(range(len(true)), 2))
    for i, j in pairs:
        a, b = predicted[i] - predicted[j], true[i] - true[j]
        concordant += bool(a * b > 0)
        discordant += bool(a * b < 0)
        tied_predicted += bool(a == 0)
        tied_true += bool(b == 0)
    return (concordant - discordant) / math.sqrt((len(pairs) - tied_predicted) * (len(pairs) - tied_true))


@pytest.mark.parametrize("seed", range(5))
def test_tau_equals_counting_pairs(seed):
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.randint(0, 12, (30,), generator=generator).float()
    true = torch.randint(0, 6, (30,), generator=generator).float()
    assert kendall_tau(predicted, true) == pytest.approx(slow_tau_b(predicted, true))


def test_tau_of_a_constant_is_zero():
    assert kendall_tau(torch.ones(4), torch.arange(4.0)) == 0


def test_ceiling_is_what_a_perfect_ranker_reaches():
    true = torch.tensor([0.1, 0.1, 0.5, 0.7, 0.7, 0.7, 0.9])
    perfect = true + 1e-4 * torch.arange(7)
    assert kendall_tau(perfect, true) == pytest.approx(tau_ceiling(true))
    assert tau_ceiling(true) < 1
    assert tau_ceiling(torch.arange(5.0)) == 1


def test_ceiling_needs_two():
    with pytest.raises(ValueError, match="two values at least, got 1"):
        tau_ceiling(torch.ones(1))


def test_r_squared():
    true = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert r_squared(true, true) == 1
    assert r_squared(torch.full((4,), 2.5), true) == 0
    assert r_squared(true + 1, true) == pytest.approx(1 - 4 / 5)


def test_r_squared_of_a_constant():
    with pytest.raises(ValueError, match="values that vary"):
        r_squared(torch.arange(3.0), torch.ones(3))


def test_mean_absolute_error():
    assert mean_absolute_error(torch.tensor([1.0, -1.0]), torch.tensor([0.0, 2.0])) == 2


def test_score_holds_every_measure():
    got = score(torch.tensor([0.2, 0.1, 0.6]), torch.tensor([0.1, 0.2, 0.5])).to_dict()
    assert got == pytest.approx(
        {"tau": 1 / 3, "r2": 1 - 0.03 / 0.086667, "mae": 0.1, "tau_ceiling": 1, "nets": 3}, rel=1e-4
    )


def test_score_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="1 predicted aren't"):
        score(torch.tensor([1.0, float("nan")]), torch.tensor([0.0, 1.0]))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="got 2 and 3"):
        mean_absolute_error(torch.ones(2), torch.ones(3))


def test_score_of_classes():
    chances = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.25, 0.25, 0.5]])
    got = class_score(chances.log(), torch.tensor([0, 1, 1, 2])).to_dict()
    entropy = -(math.log(0.5) + math.log(0.8) + math.log(0.2) + math.log(0.5)) / 4
    assert got == pytest.approx({"accuracy": 0.75, "cross_entropy": entropy, "majority": 0.5, "nets": 4})
    certain = class_score(torch.tensor([[0.0, -math.inf]]), torch.tensor([1]))
    assert math.isfinite(certain.cross_entropy)
    with pytest.raises(ValueError, match="1 predictions are NaN"):
        class_score(torch.tensor([[0.0, float("nan")]]), torch.tensor([1]))


def test_calibration_bins_are_equal_and_sorted_by_prediction():
    predicted, true = torch.tensor([4.0, 1.0, 3.0, 2.0]), torch.tensor([40.0, 10.0, 20.0, 20.0])
    found = calibration(predicted, true, bins=2)
    assert found == {"predicted": [1.5, 3.5], "true": [15.0, 30.0], "spread": [5.0, 10.0]}
    assert len(calibration(predicted, true)["true"]) == 4


def test_the_area_under_the_curve_counts_pairs_and_ties_half():
    predicted, true = torch.tensor([0.1, 0.4, 0.35, 0.4]), torch.tensor([False, False, True, True])
    assert auc(predicted, true) == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    assert auc(-predicted, true) == pytest.approx(1 - 2.5 / 4)
    with pytest.raises(ValueError, match=r"needs nets of both classes, got 4 of one among 4"):
        auc(predicted, torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"needs numbers, but 1 predictions are NaN"):
        auc(torch.tensor([torch.nan, 1.0]), torch.tensor([True, False]))
