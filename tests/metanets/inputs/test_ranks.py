"""Features as their rank among those of the training nets."""

import torch

from weightspace.metanets.inputs.ranks import RankScaling


def test_ranks_are_monotone_bounded_and_smooth():
    scaling, values = RankScaling(1).double(), torch.randn(500, 1, dtype=torch.float64).exp()
    scaling.fit(values)
    order = values.flatten().argsort()
    found = scaling(values)[order]
    assert bool((found.diff(dim=0) >= 0).all())
    assert found.abs().max() <= 4
    assert scaling(torch.tensor([[1e30], [-1e30]]).double()).abs().max() <= 4
    assert (scaling(values + 1e-12) - scaling(values)).abs().max() < 1e-6


def test_ranks_of_a_constant_feature_ignore_rounding():
    scaling = RankScaling(1).double()
    scaling.fit(torch.full((50, 1), 3.0, dtype=torch.float64))
    one, other = scaling(torch.tensor([[3.0]]).double()), scaling(torch.tensor([[3.0 + 4e-16]]).double())
    assert torch.allclose(one, other, atol=1e-8)
