"""Moments of messages, against those of one neuron's messages at a time."""

import pytest
import torch

from tests.metanets.layers.by_edges import KINDS, ByEdges
from weightspace.metanets.layers.moments import block_moments, moments


@pytest.mark.parametrize(("space", "dense"), KINDS)
def test_each_neuron_has_the_moments_of_its_messages(space, dense):
    case = ByEdges.of(space, dense, 3)
    for end, found in zip((1, 0), moments(case.frame, case.edges), strict=True):
        total, squares, high, low = (part.reshape(-1, 3) for part in found)
        for node in range(len(case.h)):
            own = case.e[[number for number, _ in case.at(node, end)]]
            if not len(own):
                own = torch.zeros(1, 3, dtype=torch.float64)
            expected = [own.sum(0), own.square().sum(0), own.amax(0), own.amin(0)]
            for value, wanted in zip((total, squares, high, low), expected, strict=True):
                torch.testing.assert_close(value[node], wanted, rtol=1e-12, atol=1e-12)


def test_the_way_back_is_that_of_plain_reductions():
    messages = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block_moments, (messages,))
