"""Scales settled: by a tensor of their own, or in turns where they meet in every one."""

import pytest
import torch

from tests.space.nets.architectures import traced, weights_of
from weightspace.space import WeightSpace
from weightspace.space.forms.scales import scales_of
from weightspace.space.symmetry import Symmetry


@pytest.mark.parametrize("name", ["relu_mlp", "lenet", "multi_head_attention", "norms"])
@pytest.mark.parametrize("nets", [None, 2])
def test_the_factors_are_the_symmetry_that_was_acted_with(name, nets):
    space, weights = traced(name), weights_of(name) if nets is None else weights_of(name, nets=nets)
    settled = dict(weights)
    factors = scales_of(space).settle(settled, stacked=nets is not None)
    acted = space.apply(Symmetry(space, {}, factors), weights)
    assert set(factors) == {index for index, action in enumerate(space.actions) if action.kind == "scale"}
    assert all(torch.allclose(settled[key], acted[key], rtol=1e-9) for key in weights)


@pytest.mark.parametrize("name", ["multi_head_attention", "norms"])
def test_where_scales_meet_everywhere_the_sum_of_squares_is_the_smallest(name):
    space, weights = traced(name), dict(weights_of(name))
    own = scales_of(space)
    own.settle(weights, stacked=False)
    touched = {entry.tensor for index in own.order.rest for entry in own.entries[index]}
    drawn = torch.Generator().manual_seed(0)
    for _ in range(10):
        scales = space.random_symmetry(drawn, kinds=["scale"]).factors
        other = space.apply(Symmetry(space, {}, {index: scales[index] for index in own.order.rest}), weights)
        assert sum_of_squares(other, touched) > sum_of_squares(weights, touched)


def sum_of_squares(weights, names):
    return sum(float(weights[name].square().sum()) for name in names)


def test_scales_are_multiplied_and_divided_again():
    space, weights = traced("relu_mlp"), weights_of("relu_mlp")
    own, moved = scales_of(space), dict(weights)
    factors = own.settle(moved, stacked=False)
    for index, factor in factors.items():
        own.multiply(moved, index, 1 / factor, stacked=False)
    assert set(own.tensors) <= set(weights)
    assert all(torch.allclose(moved[key], weights[key], rtol=1e-12) for key in weights)


def test_a_space_without_scales_says_so():
    assert not scales_of(WeightSpace.parse({"a": "h in", "b": "out h"}, sizes={"h": 4, "in": 2, "out": 1}))
    assert scales_of(traced("relu_mlp"))
