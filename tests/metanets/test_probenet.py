"""Probes through the nets themselves."""

import pytest
import torch

from tests.graphs.spaces import random_weights
from weightspace.metanets import METANETS, ProbeNet, load_metanet
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import assert_sensitive, equivariance_error, randomized

NETS = {
    "mlp": {"in_features": 3, "hidden": [5, 4], "out_features": 2},
    "cnn": {"image_size": 8, "channels": [4, 5], "stride": 2},
    "siren": {},
}


def made(name, **settings):
    net = build_net(name, **NETS[name])
    space = WeightSpace.trace(net, *net.example_inputs())
    settings = {"probes": 5, "latent": 4, "width": 16, **settings}
    return ProbeNet.for_module(net, space, net.example_inputs()[0], **settings), space, net


@pytest.mark.parametrize("name", NETS)
def test_invariant_to_what_keeps_the_function(name):
    metanet, space, net = made(name, outputs=2)
    metanet = randomized(metanet)
    metanet.runs[0].double()
    weights = random_weights(space, nets=3, dtype=torch.float64)
    for kind in metanet.symmetries:
        assert equivariance_error(metanet, space, weights, kinds=[kind]) < 1e-9
    assert_sensitive(metanet, space, weights)
    one = {key: value[1] for key, value in weights.items()}
    true = torch.func.functional_call(net.double(), one, (metanet.inputs(),))
    assert torch.allclose(metanet.answers(weights)[1], true)


def test_saved_and_loaded_with_its_module(tmp_path):
    metanet, space, net = made("mlp")
    weights = random_weights(space, nets=2)
    metanet.eval().save_pretrained(tmp_path)
    loaded = ProbeNet.from_pretrained(tmp_path, module=net)
    assert torch.equal(loaded(loaded.graph(space, weights)), metanet(metanet.graph(space, weights)))
    assert not any("runs" in key for key in metanet.state_dict())
    bare = load_metanet(tmp_path)
    with pytest.raises(ValueError, match="needs the module that runs the nets"):
        bare(bare.graph(space, weights))


def test_nets_with_another_activation_are_refused():
    metanet, _, _ = made("mlp")
    other = build_net("mlp", activation="tanh", **NETS["mlp"])
    space = WeightSpace.trace(other, *other.example_inputs())
    with pytest.raises(ValueError, match=r"whose activation at .* is relu .*, got nets with tanh"):
        metanet(metanet.graph(space, random_weights(space, nets=2)))


def test_inputs_are_learned():
    metanet, space, _ = made("cnn")
    metanet(metanet.graph(space, random_weights(space, nets=2))).sum().backward()
    assert all(bool((parameter.grad != 0).any()) for parameter in metanet.parameters())


def test_one_space_and_a_shape_are_needed():
    _, space, _ = made("mlp")
    with pytest.raises(ValueError, match="spaces must be one weight space, got 2"):
        ProbeNet.for_spaces(space, space)
    with pytest.raises(ValueError, match="input_shape must be the shape of one input"):
        ProbeNet.for_spaces(space, input_shape=())
    assert METANETS["ProbeNet"] is ProbeNet
