"""Prediction and search: vectors that say the value find the best soon; those that don't are no better than chance."""

import pytest
import torch

from weightspace.tasks.architectures import predict_held_out, search
from weightspace.tasks.architectures.search import improvement

VALUES = torch.linspace(0, 1, 24)[torch.randperm(24, generator=torch.Generator().manual_seed(0))]
TELLING, SILENT = VALUES[:, None], torch.randn(24, 2, generator=torch.Generator().manual_seed(1))


def test_values_are_predicted_from_what_tells_them():
    telling = [predict_held_out(TELLING, VALUES, 12, seed) for seed in range(3)]
    silent = [predict_held_out(SILENT, VALUES, 12, seed) for seed in range(3)]
    assert min(telling) > 0.9 and abs(sum(silent) / 3) < 0.5


def test_a_search_ends_at_the_best_and_vectors_make_it_short():
    for vectors in (TELLING, SILENT, None):
        curve = search(vectors, VALUES, 24, seed=0)
        assert curve[-1] == VALUES.max() and (curve.diff() >= 0).all()
    after = {name: torch.stack([search(v, VALUES, 7, seed) for seed in range(4)])[:, -1].mean()
             for name, v in (("telling", TELLING), ("none", None))}  # fmt: skip
    assert after["telling"] > 0.99 > after["none"]


def test_another_space_says_where_to_begin():
    here = torch.where(torch.arange(24) < 12, VALUES, torch.nan)
    there = torch.where(torch.arange(24) < 12, torch.nan, 5 + 3 * VALUES)
    begun = [float(search(TELLING, here, 2, seed, elsewhere=there)[-1]) for seed in range(3)]
    assert begun == pytest.approx([float(here.nan_to_num(-1).max())] * 3)
    assert min(float(search(TELLING, here, 2, seed)[-1]) for seed in range(3)) < begun[0]


def test_expected_improvement_grows_with_mean_and_deviation():
    import numpy as np

    found = improvement(np.array([0.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0]), 0.0)
    assert found[0] == pytest.approx(0.39894, abs=1e-4) and found[1] > found[2] > found[0]


def test_what_cant_be_is_refused():
    with pytest.raises(ValueError, match="from 2 to 22 of 24 architectures, got 23"):
        predict_held_out(TELLING, VALUES, 23, seed=0)
    with pytest.raises(ValueError, match="from 1 to the 24 architectures, got 25"):
        search(TELLING, VALUES, 25, seed=0)
