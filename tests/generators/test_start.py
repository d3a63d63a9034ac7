"""A learned start: its steps are gradient descent, and training goes through them."""

import pytest
import torch

from tests.generators.cases import convention, make, space, untrained
from weightspace.data import Signals
from weightspace.generators import LearnedStart, LearnedStartConfig
from weightspace.inr import render_stack
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.tasks.generation.starting.starts import (
    StartConfig,
    hidden,
    psnr,
    psnr_curves,
    steps_to,
    train_start,
)


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


def test_points_that_are_not_given_change_nothing():
    start, targets = make("LearnedStart", steps=2).eval(), signals().values
    with torch.no_grad():
        start.rates.fill_(1e-3)
    given = hidden(targets, (3, 9), torch.Generator().manual_seed(0))
    other = torch.where(given.isnan(), torch.nan, targets + 0.0)
    drawn = [start.sample(space("siren"), 6, condition=some, seed=0) for some in (given, other, targets)]
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])
    assert not torch.equal(drawn[0]["linears.0.weight"], drawn[2]["linears.0.weight"])
    rows = start.start.detach().expand(6, -1)
    shown = render_stack(start.vectors.weights(rows), convention(), convention().points())
    errors = [(a - b)[~c.isnan()].square().mean() for a, b, c in zip(shown, targets, given, strict=True)]
    torch.testing.assert_close(start.loss(rows, given), torch.stack(errors))
    torch.testing.assert_close(start.loss(rows, targets), (shown - targets).square().mean((1, 2)))


def test_a_signal_without_points_is_refused():
    empty = signals(2).values.clone()
    empty[1] = torch.nan
    with pytest.raises(
        ValueError, match="Every signal must have points that are given, got one that is NaN everywhere"
    ):
        make("LearnedStart").sample(space("siren"), 2, condition=empty, seed=0)


def test_so_many_points_are_left_as_are_asked_for():
    values, source = signals(50).values, torch.Generator().manual_seed(0)
    left = (~hidden(values, (3, 9), source).isnan()).sum((1, 2))
    assert int(left.min()) == 3 and int(left.max()) == 9
    first, second = (hidden(values, (5, 5), source) for _ in range(2))
    assert not torch.equal(first.isnan(), second.isnan()) and torch.equal(hidden(values, (0, 0), source), values)
    kept = ~first.isnan()
    assert torch.equal(first[kept], values[kept])


@pytest.mark.parametrize("given", [(0, 3), (4, 3), (3, 17)])
def test_other_numbers_of_points_are_refused(given):
    with pytest.raises(ValueError, match=f"Points given must be 1 to 16, least before most, got {given[0]} and"):
        hidden(signals().values, given, torch.Generator())


def test_training_on_few_points_shows_the_others_better():
    start, some = make("LearnedStart"), signals()
    given = hidden(some.values, (4, 4), torch.Generator().manual_seed(9))
    alike = Signals("alike", (4, 4), "corners", some.values[:1].expand(6, -1, -1), *[torch.zeros(6).long()] * 2)
    config = StartConfig(steps=60, batch=6, learning_rate=3e-3, rate_learning_rate=0.1, given=(4, 4))
    train_start(start, alike, config)
    given = torch.where(given.isnan(), torch.nan, alike.values)
    fit = start.fit(given).detach()
    assert start.loss(fit, alike.values).mean() < 0.02 < alike.values.var()
