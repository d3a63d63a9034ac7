"""Batches whose nets have every scale settled: one member of each orbit, and the way back for changes."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import spaces, traced
from weightspace.graphs import to_graph
from weightspace.metanets.inputs.gauged import LIMIT, gauged, settle, settle_many, unsettle
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.space.forms.scales import scales_of

SCALED = ("net mlp", "net cnn", "net resnet", "net fourier", "net vit")


@pytest.mark.parametrize("name", SCALED)
def test_settled_weights_are_one_member_of_each_orbit(name):
    space = spaces()[name]
    weights = random_weights(space, nets=3, dtype=torch.float64)
    settled, factors = settle(space, weights)
    symmetry = space.random_symmetry(torch.Generator().manual_seed(0), kinds=["scale"], batch=3)
    again, _ = settle(space, space.apply(symmetry, weights))
    assert any(not torch.equal(settled[key], weights[key]) for key in weights)
    for key in weights:
        assert torch.allclose(settled[key], again[key], rtol=1e-9)
        assert torch.allclose(unsettle(space, settled, factors)[key], weights[key], rtol=1e-9)


def test_settled_weights_compute_the_same_and_have_neurons_of_one_size():
    net = build_net("mlp").double()
    space = WeightSpace.trace(net, *(x.double() for x in net.example_inputs()))
    settled, _ = settle(space, {key: w[None] for key, w in net.state_dict().items()})
    settled, x = {key: w[0].detach() for key, w in settled.items()}, net.example_inputs()[0].double()
    assert torch.allclose(torch.func.functional_call(net, settled, (x,)), net(x))
    for layer in ("linears.0", "linears.1"):
        size = settled[f"{layer}.weight"].square().sum(1) + settled[f"{layer}.bias"].square()
        assert torch.allclose(size, torch.ones_like(size))


@pytest.mark.parametrize("space", [traced("siren"), SPACES["mlp"]], ids=["signs alone", "order alone"])
def test_without_scales_nothing_is_settled(space):
    weights = random_weights(space, nets=2)
    batch = gauged(to_graph(space, weights))
    assert batch.parts == ()
    assert all(torch.equal(batch.weights[key], weights[key]) for key in weights)
    assert all(torch.equal(part, weights[key]) for key, part in settle_many(space, weights).items())


def test_gradients_pass_through_and_sizes_stay_within_float32():
    space = spaces()["net mlp"]
    weights = {key: w.requires_grad_() for key, w in random_weights(space, nets=2, dtype=torch.float64).items()}
    settled, _ = settle(space, weights)
    found = torch.autograd.grad(sum(w.pow(4).sum() for w in settled.values()), list(weights.values()))
    assert all(bool(torch.isfinite(part).all()) for part in found)
    assert any(bool((part != 0).any()) for part in found)
    huge, _ = settle(space, {key: 1e30 * w.detach().float() for key, w in weights.items()})
    assert max(float(huge[key].abs().max()) for key in scales_of(space).tensors) == pytest.approx(LIMIT)


def test_many_are_settled_in_parts():
    space = spaces()["net cnn"]
    weights = random_weights(space, nets=5, dtype=torch.float64)
    at_once, in_parts = settle(space, weights)[0], settle_many(space, weights, size=2)
    assert all(torch.equal(at_once[key], in_parts[key]) for key in weights)
