"""Dead and tied neurons, norms and spectra, on nets in which they were planted."""

import pytest
import torch
from torch import nn

from weightspace.checkpoints import inspect_weights
from weightspace.nets import build_net
from weightspace.space import WeightSpace


@pytest.fixture
def cnn():
    net = build_net("cnn", image_size=8, channels=[4, 3], stride=[2, 2]).eval()
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(w.shape, generator=generator) for name, w in net.state_dict().items()}
    return WeightSpace.trace(net, *net.example_inputs()), weights


def facts(space, weights):
    return {f.name: f for f in inspect_weights(weights, space).neurons}


def names_of(space, tensor):
    axes = space.tensors[tensor].axes
    return str(axes[0]), str(axes[1])


def test_a_random_net_has_none(cnn):
    assert all((f.constant, f.unread, f.tied) == (0, 0, 0) for f in facts(*cnn).values())


def test_planted_neurons_are_found(cnn):
    space, weights = cnn
    second, first = names_of(space, "convs.1.weight")
    weights["convs.1.weight"][:, 2] = 0
    weights["convs.1.weight"][1] = 1e-9
    weights["convs.0.weight"][3], weights["convs.0.bias"][3] = weights["convs.0.weight"][0], weights["convs.0.bias"][0]
    found = facts(space, weights)
    assert (found[first].unread, found[first].constant, found[first].tied) == (1, 0, 2)
    assert (found[second].unread, found[second].constant, found[second].tied) == (0, 1, 0)


def test_it_does_not_depend_on_the_order_of_neurons(cnn):
    space, weights = cnn
    weights["convs.1.weight"][:, 1] = 0
    moved = space.apply(space.random_symmetry(torch.Generator().manual_seed(1)), weights)
    assert facts(space, moved) == facts(space, weights)
    own, other = (inspect_weights(w, space).tensors for w in (weights, moved))
    for one, two in zip(own, other, strict=True):
        assert one.norm == pytest.approx(two.norm)
        assert one.singular == pytest.approx(two.singular)


def test_a_flatten_belongs_to_the_channels_before_it():
    net = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.Linear(12, 2)).double()
    space = WeightSpace.trace(net, torch.randn(2, 1, 3, 3, dtype=torch.float64))
    weights = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    weights["2.weight"][:, 4:8] = 0
    (found,) = facts(space, weights).values()
    assert (found.size, found.unread, found.constant) == (3, 1, 0)


def test_spectra_are_those_of_the_matrix():
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(5, 3, generator=generator)
    (found,) = inspect_weights({"w": w}).tensors
    values = torch.linalg.svdvals(w.double())
    assert found.singular == pytest.approx((float(values[0]), float(values[-1])))
    assert found.stable_rank == pytest.approx(float((values**2).sum() / values[0] ** 2))
    assert found.norm == pytest.approx(float(w.norm()))


def test_infinities_are_counted_and_zeros_too():
    (found,) = inspect_weights({"w": torch.tensor([[0.0, float("nan")], [float("inf"), 2.0]])}).tensors
    assert (found.broken, found.zeros, found.largest, found.singular) == (2, 0.5, 2.0, None)
    (empty,) = inspect_weights({"w": torch.zeros(0, 3), "n": torch.tensor(3)}).tensors
    assert (empty.norm, empty.singular) == (0.0, None)
