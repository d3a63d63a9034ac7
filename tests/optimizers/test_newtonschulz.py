"""Orthogonal steps as an optimizer: sizes, resuming, and what is refused. That it is the race's own is tested there."""

import copy

import pytest
import torch
from torch import nn

from weightspace.optimizers import NewtonSchulz


def problem():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    return net, torch.randn(16, 1, 6, 6), torch.randint(0, 3, (16,))


def train(net, optimizer, x, y, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_it_trains_and_every_tensor_moves_by_the_rate():
    net, x, y = problem()
    before = copy.deepcopy(net.state_dict())
    losses = train(net, optimizer := NewtonSchulz(net.parameters(), lr=1e-2), x, y, 1)
    for name, tensor in net.state_dict().items():
        assert float((tensor - before[name]).square().mean().sqrt()) == pytest.approx(1e-2, rel=1e-2), name
    values = torch.linalg.svdvals((net[3].weight - before["3.weight"]).detach())
    assert float(values[0] / values[1]) < 2 and values[2] < 1e-3  # slopes of logits sum to 0: rank 2
    assert train(net, optimizer, x, y, 40)[-1] < 0.3 * losses[0]


def test_a_run_goes_on_bit_for_bit_from_its_state():
    net, x, y = problem()
    optimizer = NewtonSchulz(net.parameters(), lr=1e-2, weight_decay=0.1)
    train(net, optimizer, x, y, 3)
    kept, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(net.state_dict())
    straight = train(net, optimizer, x, y, 3)
    net.load_state_dict(weights)
    again = NewtonSchulz(net.parameters(), lr=1e-2, weight_decay=0.1)
    again.load_state_dict(kept)
    assert train(net, again, x, y, 3) == straight


def test_a_gradient_that_isnt_finite_moves_nothing():
    net, x, y = problem()
    optimizer, before = NewtonSchulz(net.parameters()), copy.deepcopy(net.state_dict())
    nn.functional.cross_entropy(net(x), y).backward()
    net[3].bias.grad[1] = float("nan")
    with pytest.raises(ValueError, match=r"in a parameter of shape \[3\].*Nothing was moved"):
        optimizer.step()
    assert all((tensor == before[name]).all() for name, tensor in net.state_dict().items())
    with pytest.raises(ValueError, match="lr must be a finite number of 0 or more"):
        NewtonSchulz(net.parameters(), lr=-1.0)


def test_a_closure_gives_the_loss():
    net, x, y = problem()
    optimizer = NewtonSchulz(net.parameters(), lr=1e-2)

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert optimizer.step(closure) < first
