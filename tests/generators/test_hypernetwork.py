"""Weights as a function of hyper-inputs: any module, many inputs at once, and what is refused."""

import copy

import pytest
import torch
from torch import nn

from weightspace.generators import Hypernetwork, hypernetize
from weightspace.generators.hypernetwork import WRITERS
from weightspace.nets import build_net


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))


NETS = {
    "mlp": (perceptron, (5, 3)),
    "cnn": (lambda: build_net("cnn", channels=[4, 4], stride=[2, 1], norm="batch").eval(), (5, 1, 8, 8)),
    "vit": (lambda: build_net("vit", dim=8, depth=1), (5, 1, 8, 8)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", NETS)
def test_a_batch_of_inputs_gives_what_each_gives_alone(name, writer):
    make, shape = NETS[name]
    net = hypernetize(make(), {"a": (0, 1), "b": (-2, 2)}, writer=writer, entries=50).double()
    x = torch.randn(shape, dtype=torch.float64)
    a, b = torch.rand(4, dtype=torch.float64), 4 * torch.rand(4, dtype=torch.float64) - 2
    together = net(x, a=a, b=b)
    for i in range(4):
        weights = {key: value[0] for key, value in net.weights(a=float(a[i]), b=float(b[i])).items()}
        alone = torch.func.functional_call(net.module, weights, (x,))
        torch.testing.assert_close(together[i], alone)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize("writer", WRITERS)
def test_every_parameter_depends_on_the_input(writer):
    net = hypernetize(perceptron(), ["z"], writer=writer, entries=7)
    low, high = net.weights(z=torch.tensor([0.0, 1.0])).items(), None
    for name, value in low:
        assert not torch.allclose(value[0], value[1]), name
    assert high is None and {name for name, _ in low} == dict(perceptron().named_parameters()).keys()


def test_it_begins_near_the_module():
    module, x = perceptron(), torch.randn(64, 3)
    before = module(x)
    torch.testing.assert_close(hypernetize(copy.deepcopy(module), ["z"])(x, z=0.3)[0], before, rtol=0.05, atol=0.05)


def test_inputs_are_encoded_with_the_same_size():
    net = hypernetize(perceptron(), {"a": (0, 1), "b": (-2, 2)})
    sizes = net.encoded({"a": torch.linspace(0, 1, 9), "b": 1.0}).square().sum(-1)
    torch.testing.assert_close(sizes, torch.full((9,), 2.0))


def test_large_tensors_are_written_in_chunks(monkeypatch):
    monkeypatch.setattr("weightspace.generators.writers.heads.MOST_CHUNK", 10)
    net = hypernetize(perceptron(), ["z"])
    assert set(net.writer.chunks) == {"0/weight", "3/weight"} and set(net.writer.heads) >= {"0/bias", "1/weight"}
    found = net.weights(z=torch.tensor([0.0, 0.5]))["0.weight"]
    assert found.shape == (2, 8, 3) and not torch.allclose(found[0], found[1])


def test_it_learns_weights_for_every_input():
    """Ridge-like: the best constant shrinks as the penalty grows, 1 / (1 + z)."""
    torch.manual_seed(0)
    net = hypernetize(nn.Linear(1, 1), {"z": (0, 4)}, width=32)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    x = torch.ones(1, 1)
    for _ in range(400):
        z = 4 * torch.rand(32)
        out = net(x, z=z)[:, 0, 0]
        loss = ((out - 1).square() + z * out.square()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    z = torch.tensor([0.0, 1.0, 3.0])
    torch.testing.assert_close(net(x, z=z)[:, 0, 0], 1 / (1 + z), rtol=0.1, atol=0.03)
    fixed = net.fixed(z=1.0)
    torch.testing.assert_close(fixed(x)[0, 0], net(x, z=1.0)[0, 0, 0])


def test_arguments_of_their_own_for_every_input():
    net, x = hypernetize(perceptron(), ["z"]), torch.randn(4, 5, 3)
    weights = net.weights(z=torch.rand(4))
    torch.testing.assert_close(net.run(weights, x, per_input=True)[2], net.run(weights, x[2])[2])


def test_it_is_kept_as_every_module(tmp_path):
    net, other = hypernetize(perceptron(), ["z"]), hypernetize(nn.Sequential(*perceptron()), ["z"])
    other.load_state_dict(net.state_dict())
    x = torch.randn(5, 3)
    torch.testing.assert_close(other(x, z=0.4), net(x, z=0.4))


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "must be z, got none"),
        ({"y": 0.5}, "must be z, got y"),
        ({"z": 1.5}, "between 0 and 1, got 1.5"),
        ({"z": float("nan")}, "between 0 and 1, got nan"),
        ({"z": torch.zeros(2, 2)}, "a number or a vector"),
    ],
)
def test_hyper_inputs_that_cant_be_are_refused(inputs, says):
    with pytest.raises(ValueError, match=says):
        hypernetize(perceptron(), ["z"]).weights(**inputs)


def test_modules_and_ranges_that_cant_be_are_refused():
    with pytest.raises(ValueError, match="must have parameters"):
        Hypernetwork(nn.Tanh(), {"z": (0, 1)})
    with pytest.raises(ValueError, match="two finite numbers in order"):
        Hypernetwork(perceptron(), {"z": (1, 1)})
    with pytest.raises(ValueError, match="must be one of heads, chunks, chained, got 'head'"):
        hypernetize(perceptron(), ["z"], writer="head")
    with pytest.raises(ValueError, match="one entry at least, got 0"):
        hypernetize(perceptron(), ["z"], writer="chunks", entries=0)
    with pytest.raises(ValueError, match="one hyper-input"):
        hypernetize(perceptron(), [])
