"""Learned inputs through the graph against the nets themselves."""

import pytest
import torch

from weightspace.graphs import topology
from weightspace.metanets.frames.make import make_frame
from weightspace.metanets.layers.passage import response_kind
from weightspace.metanets.layers.responses import SPEED, Responses
from weightspace.metanets.layers.signed_states import SignedStates
from weightspace.metanets.spacenet import SpaceNet
from weightspace.nets import build_net
from weightspace.space import WeightSpace

NETS = {
    "mlp": {"in_features": 3, "hidden": [5, 4], "out_features": 2},
    "siren": {"hidden": [5, 4], "w0": 10.0, "w0_hidden": 20.0},
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
    size = NETS[name].get("image_size", 1)
    layout = SpaceNet.for_spaces(space, probes=6, probe_size=size).layout
    responses = Responses(topology(space, layout), 6, size).double()
    frame = make_frame(SpaceNet.for_spaces(space).graph(space, weights), layout)
    answers, hidden = responses(SignedStates(frame))
    inputs = next(iter(responses.values)) * (1 if responses.grid else SPEED)
    inputs = inputs if "cnn" in name else inputs[..., 0, 0]
    true = torch.stack([net.eval()(inputs) for net in nets])
    shift = 0.5 if name == "siren" else 0.0  # a constant that no weight holds
    assert torch.allclose(answers + shift, true, atol=1e-12)
    assert hidden.shape == (3, frame.topologies[0].nodes, len(inputs))
    assert torch.equal(hidden[:, frame.topologies[0].site(len(frame.topologies[0].space.sites) - 1)].mT, answers)


def test_coordinates_of_the_plane_begin_as_a_grid():
    space = WeightSpace.trace(build_net("siren", hidden=[4]), *build_net("siren").example_inputs())
    responses = Responses(topology(space), 10, 1)
    assert (responses.grid, responses.probes) == (3, 9)
    points = responses.values[0][..., 0, 0]
    assert torch.allclose(points[:3], torch.tensor([[-2 / 3, -2 / 3], [-2 / 3, 0], [-2 / 3, 2 / 3]]))


def test_nets_with_inputs_and_outputs_of_one_size_share_their_probes():
    nets = [build_net("cnn", channels=[4], stride=2), build_net("cnn", channels=[3, 5], stride=2), build_net("siren")]
    kinds = [response_kind(topology(WeightSpace.trace(net, *net.example_inputs()))) for net in nets]
    assert kinds == ["maps 1 to 10", "maps 1 to 10", "vectors 2 to 1"]
