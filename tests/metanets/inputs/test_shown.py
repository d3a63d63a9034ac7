"""Neurons between weights are nodes where the tracer sees them, and said to be none elsewhere."""

import pytest
import torch
from torch import Tensor, nn

from tests.metanets.cases import spaces
from weightspace.metanets.inputs.shown import check_nodes, neurons_without_node
from weightspace.space import WeightSpace


class Outer(nn.Module):
    """A product of two matrices that is written as a sum of products of entries."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(2, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.b[:, :, None] * self.a).sum(1).T


def test_neurons_that_no_contraction_shows_are_no_nodes():
    space = WeightSpace.trace(Outer(), torch.randn(2, 3))
    assert neurons_without_node(space) == {"a": "a"}
    with pytest.raises(ValueError, match="'a', which stand in 'a', are none: the net multiplies weights with weights"):
        check_nodes("SpaceNet", space)


@pytest.mark.parametrize("name", spaces())
def test_all_neurons_of_our_nets_are_nodes(name):
    assert neurons_without_node(spaces()[name]) == {}
