"""The space of a net of other widths, read off its shapes."""

import torch

from weightspace.checkpoints.widths import with_widths
from weightspace.space import WeightSpace


def space(hidden=4, channels=3):
    axes = {"conv": "c in 3 3", "a": "h (c 2 2)", "b": "h", "out": "out (h + h)"}
    return WeightSpace.parse(axes, sizes={"in": 1, "c": channels, "h": hidden, "out": 2})


def weights(of):
    return {name: torch.zeros(spec.shape) for name, spec in of.tensors.items()}


def test_widths_are_solved_through_products_and_sums():
    assert with_widths(space(), weights(space(hidden=7, channels=5))) == space(hidden=7, channels=5)


def test_only_neurons_may_have_another_size():
    wide = weights(space(hidden=7))
    wide["conv"] = torch.zeros(3, 2, 3, 3)
    found = with_widths(space(), wide)
    assert found.names["in"].size == 1  # that the shape doesn't agree is for the caller to check


def test_a_size_that_nothing_tells_gives_nothing():
    told = weights(space())
    assert with_widths(space(), {"conv": told["conv"]}) is None
    assert with_widths(space(), {"conv": told["conv"], "a": torch.zeros(4, 13)}) is not None
    assert with_widths(space(), {"a": torch.zeros(4)}) is None
