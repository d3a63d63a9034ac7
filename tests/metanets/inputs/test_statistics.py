"""Statistics of layers."""

import math

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.metanets.inputs.statistics import count_statistics, statistics
from weightspace.testing import equivariance_error


@pytest.mark.parametrize("name", SPACES)
def test_statistics_are_invariant_and_counted(name):
    space = SPACES[name]
    weights = random_weights(space, nets=3, dtype=torch.float64)
    assert statistics(space, weights).shape == (3, count_statistics(space))
    assert equivariance_error(lambda w: statistics(space, w), space, weights) < 1e-12


def test_statistics_of_a_known_tensor():
    weights = random_weights(SPACES["mlp"], nets=2)
    weights["0.bias"] = torch.tensor([[1.0, 2, 3, 4, 5], [0, 0, 0, 0, 0]])
    found = statistics(SPACES["mlp"], weights)[:, :11]
    assert found[0, :2].tolist() == pytest.approx([3.0, math.sqrt(2.0)])
    assert found[0, 4:].tolist() == pytest.approx([1, 1.4, 2, 3, 4, 4.6, 5])
    assert bool(torch.isfinite(found[1]).all())
