"""Modules that start from a generated net."""

import pytest
import torch

from tests.generators.cases import NETS, make, space
from weightspace.generators import initialize
from weightspace.nets import build_net


def soup(**settings):
    return make("Soup", **settings)


def test_a_module_starts_from_a_generated_net():
    net = build_net(NETS["cnn"][0], **NETS["cnn"][1])  # in training mode, as a module is when it is made
    assert initialize(net, soup(), example_inputs=net.example_inputs(), seed=3, accuracy=0.5) is net
    assert net.training
    drawn = soup().sample(space("cnn"), 1, prompt={"accuracy": 0.5}, seed=3)
    assert all(torch.equal(tensor, drawn[key][0]) for key, tensor in net.state_dict().items())


def test_a_module_stays_as_it_was_when_the_net_isn_t_finite():
    net, broken = build_net(NETS["cnn"][0], **NETS["cnn"][1]).eval(), soup(members=1)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    broken.nets[:] = float("nan")
    with pytest.raises(ValueError, match="aren't finite with seed 3, so the module is as it was"):
        initialize(net, broken, example_inputs=net.example_inputs(), seed=3)
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())
