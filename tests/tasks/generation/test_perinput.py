"""Layers for single inputs: overfitting does what it says, and a flow learns it."""

import torch
from torch import nn
from torch.nn import functional

from weightspace.tasks.generation.flows import FlowTraining
from weightspace.tasks.generation.perinput import Overfitting, answer, changes_for, overfit, train_per_input


def layer_and_inputs(inputs=200):
    """A layer, features, and labels that another layer gives to them."""
    source = torch.Generator().manual_seed(0)
    layer, right = nn.Linear(4, 3), nn.Linear(4, 3)
    with torch.no_grad():
        for parameter in (*layer.parameters(), *right.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=source))
    features = torch.randn(inputs, 4, generator=source)
    return layer, features, right(features).argmax(1)


def loss(layer, changes, features, labels):
    return float(functional.cross_entropy(answer(layer, changes, features), labels))


def test_overfitting_is_descent_on_one_input():
    layer, features, labels = layer_and_inputs(5)
    found = overfit(layer, features, labels, Overfitting(steps=2, rate=0.5))
    copy = nn.Linear(4, 3)
    copy.load_state_dict(layer.state_dict())
    for _ in range(2):
        slopes = torch.autograd.grad(functional.cross_entropy(copy(features[3:4]), labels[3:4]), [*copy.parameters()])
        with torch.no_grad():
            for parameter, slope in zip(copy.parameters(), slopes, strict=True):
                parameter -= 0.5 / (1 + float(features[3].square().sum())) * slope
    torch.testing.assert_close(layer.weight + found["weight"][3], copy.weight)
    torch.testing.assert_close(layer.bias + found["bias"][3], copy.bias)


def test_a_flow_writes_layers_that_are_better_for_their_own_input():
    layer, features, labels = layer_and_inputs()
    torch.manual_seed(0)
    flow = train_per_input(
        layer, (features[:120], labels[:120]), (features[120:160], labels[120:160]), Overfitting(),
        FlowTraining(steps=300, check=100, learning_rate=5e-3, dropped=0.0), width=16, layers=1, steps=4,
    )  # fmt: skip
    test, known = features[160:], labels[160:]
    none = {"weight": torch.zeros(40, 3, 4), "bias": torch.zeros(40, 3)}
    changes = changes_for(flow, test, 0)
    others = {name: tensor.roll(1, 0) for name, tensor in changes.items()}
    assert loss(layer, changes, test, known) < 0.8 * loss(layer, none, test, known)
    assert loss(layer, changes, test, known) < loss(layer, others, test, known)
