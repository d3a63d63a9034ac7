"""Data are checked before anything runs on them; batch norms can measure what they see."""

import pytest
import torch

from tests.align.trained import points, trained
from weightspace.align import align, barrier, merge
from weightspace.align.matching.score import check_data, measuring, predictions

CASES = {
    "inputs of another width": (lambda x, y: (torch.zeros(5, 9), y[:5]), r"run on inputs of shape \[5, 9\].*float32"),
    "classes that the net hasn't": (lambda x, y: (x, y + 1), r"classes from 0 to 2, .* 3 outputs, got 1 to 3"),
    "targets of another shape": (lambda x, y: (x, torch.zeros(len(x), 4)), r"module's outputs, \[3\] .*got \[4\]"),
}


@pytest.mark.parametrize("case", CASES)
def test_data_that_do_not_suit_the_module_are_told(case):
    (change, message), (space, module, one) = CASES[case], trained("mlp")
    data = change(*points("mlp"))
    with pytest.raises(ValueError, match=message):
        barrier(space, module, one, one, data, points=3)
    with pytest.raises(ValueError, match=message):
        align(space, one, one, "activations", module=module, data=data)
    with pytest.raises(ValueError, match=message):
        merge(space, [one, one], "greedy", module, data)


def test_data_that_suit_are_passed_on():
    _, module, one = trained("mlp")
    data = points("mlp")
    assert check_data(data, module, one) is data
    assert check_data((data[0], torch.zeros(len(data[0]), 3)), module, one)  # squared error


def test_measuring_uses_the_statistics_of_the_batch_and_keeps_none():
    _, module, weights = trained("resnet")
    inputs, _ = points("resnet")
    wrong = {n: t * 3 + 1 if "running" in n else t for n, t in weights.items()}
    before = {n: t.clone() for n, t in wrong.items()}
    one, other = (predictions(measuring(module), net, inputs[:200]) for net in (weights, wrong))
    assert torch.equal(one, other)
    assert all(torch.equal(wrong[n], before[n]) for n in wrong)
    assert not torch.allclose(predictions(module.eval(), weights, inputs[:200]), one)
