"""A learned start: its steps are gradient descent, and training goes through them."""

import pytest
import torch

from tests.generators.cases import convention, make, space, untrained
from weightspace.data import Signals
from weightspace.generators import LearnedStart, LearnedStartConfig
from weightspace.inr import render_stack
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.tasks.generation.starting.starts import StartConfig, psnr, psnr_curves, steps_to, train_start


def signals(count=6):
    values = torch.rand(count, 1, 16, generator=torch.Generator().manual_seed(0))
    return Signals("noise", (4, 4), "corners", values, torch.zeros(count, dtype=torch.int64), torch.zeros(count).long())


def test_the_steps_are_gradient_descent_with_a_rate_a_weight():
    start, targets = make("LearnedStart", steps=2), signals().values
    with torch.no_grad():
        start.rates.copy_(torch.linspace(0, 1e-3, len(start.rates)))
    drawn = start.sample(space("siren"), 6, condition=targets, seed=0)
    weights = {key: tensor.repeat(6, *[1] * tensor.ndim) for key, tensor in untrained().items()}
    for _ in range(2):
        leaves = {key: tensor.detach().requires_grad_() for key, tensor in weights.items()}
        shown = render_stack(leaves, convention(), convention().points())
        grads = torch.autograd.grad((shown - targets).square().mean((1, 2)).sum(), list(leaves.values()))
        rates = start.vectors.weights(start.rates[None])
        weights = {k: leaves[k] - rates[k] * grad for k, grad in zip(leaves, grads, strict=True)}
    for key, tensor in weights.items():
        torch.testing.assert_close(drawn[key], tensor.detach())


def test_without_signals_it_is_the_start():
    drawn = make("LearnedStart").sample(space("siren"), 2, seed=0)
    assert all(torch.equal(tensor[1], untrained()[key]) for key, tensor in drawn.items())


def test_training_makes_a_few_steps_fit_better():
    start = make("LearnedStart")
    targets = signals().values
    before = start.loss(start.fit(targets), targets).mean()
    train_start(start, signals(), StartConfig(steps=60, batch=6, learning_rate=3e-3, rate_learning_rate=0.1))
    assert start.loss(start.fit(targets), targets).mean() < 0.8 * before
    assert not start.training


def test_second_order_gradients_reach_start_and_rates():
    start = make("LearnedStart").double().train()
    targets = signals().values.double()

    def loss(row, rates):
        start.start.data, start.rates.data = row, rates
        return float(start.loss(start.fit(targets), targets).mean().detach())

    row, rates = start.start.detach().clone(), start.rates.detach().clone()
    start.loss(start.fit(targets), targets).mean().backward()
    gradients = start.start.grad.clone(), start.rates.grad.clone()
    for number, gradient in enumerate(gradients):
        direction = torch.randn(len(row), generator=torch.Generator().manual_seed(number), dtype=torch.float64)
        ends = []
        for sign in (1, -1):
            moved = [row, rates]
            moved[number] = moved[number] + sign * 1e-5 * direction
            ends.append(loss(*moved))
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(float(gradient @ direction), rel=1e-4)


def test_curves_end_where_the_weights_are():
    start, targets = make("LearnedStart"), signals(3).values
    rows = start.start.detach().repeat(3, 1)
    net = convention().architecture.build().eval()
    layout = FlatLayout.of(net)
    own = layout.rows(start.vectors.weights(rows))
    curves, ends = psnr_curves(net, own, targets, convention().points(), 1e-3, 5)
    ends = start.vectors.rows(layout.views(ends))
    assert curves.shape == (3, 6)
    torch.testing.assert_close(curves[:, 0], psnr(start.loss(rows, targets).detach(), 1.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(curves[:, -1], psnr(start.loss(ends, targets).detach(), 1.0), atol=1e-3, rtol=0)


def test_steps_to_a_level():
    assert steps_to(torch.tensor([1.0, 2.0, 5.0]), 2.0) == 1
    assert steps_to(torch.tensor([1.0]), 2.0) == float("inf")


def test_signals_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"signals of shape \[2, 1, 16\], got \[2, 1, 9\]"):
        make("LearnedStart").sample(space("siren"), 2, condition=torch.zeros(2, 1, 9), seed=0)


def test_a_start_needs_a_convention():
    with pytest.raises(ValueError, match="its domain must hold their convention; got 1 spaces and nothing"):
        LearnedStart(LearnedStartConfig(spaces=(space("siren"),)))
