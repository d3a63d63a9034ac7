"""Every start gives nets of the architecture; parts of larger nets are parts, and grown nets have learned something."""

import dataclasses

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.nets import Architecture
from weightspace.tasks.generation.starting import inits
from weightspace.tasks.generation.starting.headstart import accuracies
from weightspace.tasks.generation.starting.inits import INITS, part_of, resized, trained
from weightspace.zoo.folder.spaces import trace_architecture

NET = Architecture("cnn", {"image_size": 8, "channels": [4, 6], "stride": [2, 1]})
FLAT = Architecture("cnn", {"image_size": 8, "channels": [4, 6], "stride": [2, 2], "norm": "batch", "head": "flatten"})


@pytest.fixture(scope="module")
def data():
    whole = load_dataset("digits")
    return dataclasses.replace(whole, x_train=whole.x_train[:320], y_train=whole.y_train[:320])


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(inits, "EPOCHS", 3)


@pytest.mark.parametrize("name", list(INITS))
def test_every_start_gives_nets_of_the_architecture(name, data):
    space = trace_architecture(NET)
    found = INITS[name](NET, 2, data, 0)
    assert space.check(found) == 2 and set(found) == set(space.tensors)
    again = INITS[name](NET, 2, data, 0)
    assert all(torch.allclose(found[key], again[key], atol=1e-5) for key in found)
    differ = not torch.equal(found["convs.0.weight"][0], found["convs.0.weight"][1])
    assert differ == (name != "ZerO")


def test_evenly_spaced_neurons_are_taken_from_every_layer_alike():
    larger, space = resized(FLAT, 2, 1), trace_architecture(FLAT)
    weights = {n: torch.randn(2, *spec.shape) for n, spec in trace_architecture(larger).tensors.items()}
    found = part_of(trace_architecture(larger), space, weights, None)
    assert torch.equal(found["convs.1.weight"], weights["convs.1.weight"][:, ::2, ::2])
    assert torch.equal(found["norms.1.running_var"], weights["norms.1.running_var"][:, ::2])
    flat = weights["linears.0.weight"].unflatten(2, (12, -1))[:, :, ::2].flatten(2)
    assert torch.equal(found["linears.0.weight"], flat)


def test_a_window_is_the_same_wherever_its_neurons_stand():
    larger, space = resized(NET, 2, 1), trace_architecture(NET)
    weights = {n: torch.randn(1, *spec.shape) for n, spec in trace_architecture(larger).tensors.items()}
    found = part_of(trace_architecture(larger), space, weights, torch.Generator().manual_seed(3))
    places = [k for k in range(5) if torch.equal(found["convs.0.bias"], weights["convs.0.bias"][:, k : k + 4])]
    assert len(places) == 1
    inner = weights["convs.1.weight"][:, :, places[0] : places[0] + 4]
    assert any(torch.equal(found["convs.1.weight"], inner[:, k : k + 6]) for k in range(7))


def test_other_architectures_have_no_parts():
    deeper = trace_architecture(
        Architecture("cnn", {"image_size": 8, "channels": [4, 6], "stride": [2, 1], "norm": "batch"})
    )
    with pytest.raises(ValueError, match=r"Nets must differ in their widths alone, but norms\.0"):
        part_of(trace_architecture(NET), deeper, {n: torch.zeros(1, *s.shape) for n, s in deeper.tensors.items()}, None)
    with pytest.raises(ValueError, match=r"Widths must be given and a multiple of 2, got \[3\]"):
        resized(Architecture("mlp", {"hidden": [3]}), 1, 2)


def test_trained_nets_are_trained(data, monkeypatch):
    monkeypatch.setattr(inits, "EPOCHS", 12)
    assert float(accuracies(FLAT, trained(FLAT, 2, data, 0), data)[1].mean()) > 0.5
