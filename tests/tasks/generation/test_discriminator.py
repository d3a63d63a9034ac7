"""A metanet tells nets of another kind from trainings, and not trainings from trainings."""

import pytest
import torch

from tests.tasks.generation.test_judge import stage, trainings  # noqa: F401
from weightspace.tasks.generation.discriminator import area, told_apart


def test_nets_of_another_size_are_told_and_trainings_are_not(stage):  # noqa: F811
    fresh = trainings(stage.space, 30, 9)
    assert told_apart(stage, {name: 0.5 * tensor for name, tensor in fresh.items()}, steps=30) > 0.95
    assert 0.2 < told_apart(stage, fresh, steps=30) < 0.8


def test_the_area_counts_pairs():
    assert area(torch.tensor([3.0, 2.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])) == 1
    assert area(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])) == 0.5


def test_too_few_finite_nets_are_refused(stage):  # noqa: F811
    few = trainings(stage.space, 20, 5)
    few["linears.0.bias"][5:] = float("nan")
    with pytest.raises(ValueError, match="16 finite nets of each kind are needed to tell them apart, got 5 and 30"):
        told_apart(stage, few)
