"""Fitting on from given weights is what ``torch.optim`` does, net by net."""

import pytest
import torch

from weightspace.data import grid_coordinates
from weightspace.nets import NETS, build_net
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.descent import descend
from weightspace.zoo.train.gradient import fit_gradient

FITS = [name for name, kind in NETS.items() if kind.task == "fit"]
SETTINGS = {"siren": {"w0": 3.0, "w0_hidden": 3.0}, "fourier": {"features": 4}}


def stack(name, count=3):
    torch.manual_seed(0)
    nets = [build_net(name, hidden=[5, 4], **SETTINGS[name]) for _ in range(count)]
    gradient = fit_gradient(nets[0], grid_coordinates((4, 4)))
    rows = torch.stack([torch.cat([p.detach().flatten() for p in net.parameters()]) for net in nets])
    return nets, gradient, rows, torch.rand(count, 1, 16)


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "momentum": 0.9}, {"schedule": "cosine", "l2": 1e-3}])
def test_steps_are_those_of_torch(name, settings):
    nets, gradient, rows, targets = stack(name)
    train = Hyperparameters(lr=1e-2, steps=6, **settings)
    fitted, errors = descend(gradient, rows, targets, train)
    points = grid_coordinates((4, 4))
    for i, net in enumerate(nets):
        kind = torch.optim.SGD if train.optimizer == "sgd" else torch.optim.Adam
        optimizer = kind(net.parameters(), lr=1e-2, **({"momentum": 0.9} if train.momentum else {}))
        for step in range(6):
            cosine = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / 6)))
            optimizer.param_groups[0]["lr"] = 1e-2 * (float(cosine) if train.schedule == "cosine" else 1)
            error = (net(points).T - targets[i]).square().mean()
            torch.testing.assert_close(errors[i, step], error.detach(), rtol=1e-3, atol=1e-6)
            penalty = train.l2 * sum(p.square().sum() for p in net.parameters() if p.dim() > 1)
            optimizer.zero_grad()
            (error + penalty).backward()
            optimizer.step()
        own = torch.cat([p.detach().flatten() for p in net.parameters()])
        torch.testing.assert_close(fitted[i], own, rtol=1e-3, atol=1e-4)


def test_what_it_starts_from_stays_and_no_step_changes_nothing():
    _, gradient, rows, targets = stack("siren")
    before = rows.clone()
    fitted, errors = descend(gradient, rows, targets, Hyperparameters(steps=0))
    assert torch.equal(fitted, before) and errors.shape == (3, 0)
    assert not torch.equal(descend(gradient, rows, targets, Hyperparameters(steps=2))[0], before)
    assert torch.equal(rows, before)


@pytest.mark.parametrize("name", FITS)
def test_it_works_where_gradients_are_off(name):
    _, gradient, rows, targets = stack(name)
    with torch.no_grad():
        inside, _ = descend(gradient, rows, targets, Hyperparameters(steps=2))
    assert torch.equal(inside, descend(gradient, rows, targets, Hyperparameters(steps=2))[0])
