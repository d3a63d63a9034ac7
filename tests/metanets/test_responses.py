"""Learned inputs through the graph against the nets themselves."""

import pytest
import torch

from weightspace.graphs import topology
from weightspace.metanets.frame import make_frame
from weightspace.metanets.responses import Responses
from weightspace.metanets.spacenet import SpaceNet
from weightspace.nets import build_net
from weightspace.space import WeightSpace

NETS = {
    "mlp": {"in_features": 3, "hidden": [5, 4], "out_features": 2},
    "cnn": {"image_size": 8, "channels": [4, 5, 6], "stride": [2, 1, 2]},
    "cnn tanh": {"image_size": 8, "channels": [4, 5], "stride": 2, "activation": "tanh", "hidden": [7]},
    "cnn flatten": {"image_size": 4, "channels": [4, 5], "stride": 1, "head": "flatten"},
}


@pytest.mark.parametrize("name", NETS)
def test_answers_are_those_of_the_nets(name):
    torch.manual_seed(0)
    nets = [build_net(name.split()[0], **NETS[name]).double() for _ in range(3)]
    space = WeightSpace.trace(nets[0], *(x.double() for x in nets[0].example_inputs()))
    weights = {key: torch.stack([net.state_dict()[key] for net in nets]) for key in space.tensors}
    metanet = SpaceNet.for_spaces(space, probes=6, probe_size=NETS[name].get("image_size", 1)).double()
    responses = Responses(topology(space, metanet.layout), 6, NETS[name].get("image_size", 1)).double()
    answers = responses(make_frame(metanet.graph(space, weights), metanet.layout))
    inputs = 10 * next(iter(responses.values.values()))
    inputs = inputs if "cnn" in name else inputs[..., 0, 0]
    true = torch.stack([net.eval()(inputs) for net in nets])
    assert torch.allclose(answers, true, atol=1e-12)
