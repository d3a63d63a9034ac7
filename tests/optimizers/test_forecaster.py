"""Forecasts of weights: equivariant on every kind of net, of one shape, and learned from trajectories."""

import functools

import pytest
import torch
from torch import nn

from weightspace.nets import build_net
from weightspace.optimizers import Extrapolation, Forecaster, ForecasterConfig
from weightspace.space import WeightSpace

NETS = {
    "mlp": lambda: build_net("mlp", in_features=3, hidden=[5, 4], out_features=2),
    "cnn": lambda: build_net("cnn", channels=[4, 5], stride=[2, 1], norm="batch"),
    "resnet": lambda: build_net("resnet", width=4, norm="group"),
    "vit": lambda: build_net("vit", dim=8, depth=1),
}


@functools.cache
def traced(name):
    net = NETS[name]()
    return net, WeightSpace.trace(net.eval(), *net.example_inputs())


def drawn(name, seed=0):
    net, space = traced(name)
    generator = torch.Generator().manual_seed(seed)
    states = {
        n: torch.randn(2, 5, *p.shape, generator=generator, dtype=torch.float64) for n, p in net.named_parameters()
    }
    return space, states


def forecaster(**settings):
    torch.manual_seed(0)
    made = Forecaster(ForecasterConfig(**settings)).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)
    return made


def moved(space, symmetry, tensors, lead):
    """Tensors with ``lead`` leading axes under a symmetry; buffers stand in with zeros."""
    shapes = {name: next(iter(tensors.values())).shape[:lead] for name in space.tensors}
    flat = {
        name: tensors[name].flatten(0, lead - 1)
        if name in tensors
        else torch.zeros(shapes[name].numel(), *spec.shape, dtype=torch.float64)
        for name, spec in space.tensors.items()
    }
    found = space.apply(symmetry, flat)
    return {name: found[name].unflatten(0, shapes[name]) for name in tensors}


@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("name", NETS)
def test_a_forecast_moves_as_the_neurons_move(name, layers):
    space, states = drawn(name)
    made = forecaster(layers=layers)
    symmetry = space.random_symmetry(torch.Generator().manual_seed(1), kinds=("permutation",))
    there = made(space, moved(space, symmetry, states, 2), 7.0)
    wanted = moved(space, symmetry, made(space, states, 7.0), 1)
    for tensor, value in wanted.items():
        torch.testing.assert_close(there[tensor], value, rtol=1e-9, atol=1e-9)
    assert any((wanted[tensor] - value).abs().max() > 1e-3 for tensor, value in made(space, states, 7.0).items())


def test_a_fault_would_be_seen():
    """Pairing neurons of one set with those of another order breaks it."""
    space, states = drawn("mlp")
    made = forecaster()
    symmetry = space.random_symmetry(torch.Generator().manual_seed(1), kinds=("permutation",))
    turned = moved(space, symmetry, states, 2)
    half = {n: turned[n] if n.startswith("linears.0") else states[n] for n in states}
    wanted = moved(space, symmetry, made(space, states, 7.0), 1)
    assert any((made(space, half, 7.0)[n] - wanted[n]).abs().max() > 1e-3 for n in states)


def test_messages_tell_weights_of_each_other():
    space, states = drawn("mlp")
    other = {n: t.clone() for n, t in states.items()}
    other["linears.2.bias"][:, -1] += 1
    for layers, told in ((0, False), (2, True)):
        made = forecaster(layers=layers)
        one, two = made(space, states, 3.0), made(space, other, 3.0)
        assert bool((one["linears.0.weight"] - two["linears.0.weight"]).abs().max() > 1e-6) == told


def test_one_forecaster_takes_nets_of_every_architecture_in_stacks():
    made = forecaster()
    for name in NETS:
        space, states = drawn(name)
        found = made(space, states, torch.tensor([3.0, 9.0]))
        alone = made(space, {n: t[1:] for n, t in states.items()}, 9.0)
        for tensor, value in found.items():
            assert value.shape == states[tensor][:, -1].shape
            torch.testing.assert_close(value[1:], alone[tensor])


def test_it_begins_with_no_change_and_is_kept(tmp_path):
    space, states = drawn("mlp")
    states = {name: tensor.float() for name, tensor in states.items()}
    fresh = Forecaster(ForecasterConfig())
    assert not any(change.any() for change in fresh(space, states, 5).values())
    made = forecaster().float()
    made.save_pretrained(tmp_path / "kept")
    again = Forecaster.from_pretrained(tmp_path / "kept")
    for name, change in made(space, states, 5).items():
        torch.testing.assert_close(again(space, states, 5)[name], change)


def test_extrapolation_goes_on_in_a_line():
    line = torch.arange(5.0).view(1, 5, 1).expand(2, 5, 3)
    assert (Extrapolation()(None, {"w": line}, 4)["w"] == 4).all()
    assert (Extrapolation(0.5)(None, {"w": line}, torch.tensor([2.0, 4.0]))["w"] == torch.tensor([[1.0], [2.0]])).all()


def test_states_that_dont_fit_are_refused():
    space, states = drawn("mlp")
    made = forecaster()
    with pytest.raises(ValueError, match=r"linears.0.weight must have the shape \[nets, 5, 5, 3\]"):
        made(space, {"linears.0.weight": states["linears.0.weight"][:, :4]}, 1)
    with pytest.raises(ValueError, match="states of other must have"):
        made(space, {"other": states["linears.0.weight"]}, 1)
    with pytest.raises(ValueError, match="one tensor at least"):
        made(space, {}, 1)
    with pytest.raises(ValueError, match="layers must be from 0 to 64"):
        ForecasterConfig(layers=-1)
