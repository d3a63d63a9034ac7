"""Jumps in a training: what users of optimizers rely on, the guard, norms, resuming, and what is refused."""

import copy

import pytest
import torch
from torch import nn

from weightspace.optimizers import (
    Extrapolation,
    Forecaster,
    ForecasterConfig,
    LearnedOptimizer,
    LearnedRule,
    Nowcaster,
    RuleConfig,
)
from weightspace.space import WeightSpace


def problem(norm=False):
    torch.manual_seed(0)
    parts = [nn.Linear(6, 8), *([nn.BatchNorm1d(8)] if norm else []), nn.Tanh(), nn.Linear(8, 3)]
    return nn.Sequential(*parts), torch.randn(32, 6), torch.randint(0, 3, (32,))


def loss_of(net, x, y):
    return nn.functional.cross_entropy(net(x), y)


def train(net, optimizer, x, y, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(net, x, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def wild():
    """A forecaster that jumps far off."""
    torch.manual_seed(1)
    made = Forecaster(ForecasterConfig(width=4))
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=3.0)
    return made


OPTIMIZERS = {
    "AdamW": lambda net: torch.optim.AdamW(net.parameters(), lr=1e-2),
    "SGD": lambda net: torch.optim.SGD(net.parameters(), lr=1e-1, momentum=0.9),
    "learned": lambda net: LearnedOptimizer(net.parameters(), LearnedRule(RuleConfig()), lr=1e-3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_goes_on_bit_for_bit_from_its_state(name):
    def make(net):
        torch.manual_seed(2)
        return Nowcaster(OPTIMIZERS[name](net), net, Extrapolation(0.5), spacing=2, ahead=10)

    net, x, y = problem()
    optimizer = make(net)
    train(net, optimizer, x, y, 17)
    kept, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(net.state_dict())
    straight, end = train(net, optimizer, x, y, 9), copy.deepcopy(net.state_dict())
    net.load_state_dict(weights)
    again = make(net)
    again.load_state_dict(kept)
    assert train(net, again, x, y, 9) == straight
    assert all((tensor == end[key]).all() for key, tensor in net.state_dict().items())
    assert again.jumps == optimizer.jumps == {"kept": 2, "taken back": 0}


def test_between_jumps_it_is_the_optimizer_inside():
    net, x, y = problem()
    other = copy.deepcopy(net)
    plain = train(other, torch.optim.AdamW(other.parameters(), lr=1e-2), x, y, 12)
    optimizer = Nowcaster(torch.optim.AdamW(net.parameters(), lr=1e-2), net, Extrapolation(), spacing=2, ahead=20)
    losses = train(net, optimizer, x, y, 12)
    assert losses[:10] == plain[:10] and losses[10] != plain[10]


def test_a_jump_goes_where_the_forecast_says_and_shortens_averages():
    net, x, y = problem()
    inner = torch.optim.AdamW(net.parameters(), lr=1e-2)
    optimizer = Nowcaster(inner, net, Extrapolation(), spacing=1, ahead=3, period=100, keep=0.25)
    line = [copy.deepcopy(net[0].weight.detach())]
    for _ in range(5):
        train(net, optimizer, x, y, 1)
        optimizer._keep()
        line.append(net[0].weight.detach().clone())
    average = inner.state[net[0].weight]["exp_avg"].clone()
    assert optimizer.jump()
    torch.testing.assert_close(net[0].weight.detach(), line[5] + 3 * (line[5] - line[1]) / 4)
    torch.testing.assert_close(inner.state[net[0].weight]["exp_avg"], 0.25 * average)


def test_the_guard_takes_a_bad_jump_back_bit_for_bit():
    net, x, y = problem(norm=True)
    plain, other = copy.deepcopy(net), torch.optim.AdamW
    optimizer = Nowcaster(torch.optim.AdamW(net.parameters(), lr=1e-2), net, wild(), x, spacing=1, ahead=500,
                          guard=lambda: loss_of(net, x, y), calibration=x)  # fmt: skip
    with_guard = train(net, optimizer, x, y, 12)
    assert with_guard == train(plain, other(plain.parameters(), lr=1e-2), x, y, 12)
    assert all((a == b).all() for a, b in zip(net.state_dict().values(), plain.state_dict().values(), strict=True))
    assert optimizer.jumps == {"kept": 0, "taken back": 2} and net.training and net[1].training


def test_without_a_guard_only_what_isnt_finite_is_taken_back():
    net, x, y = problem()
    optimizer = Nowcaster(torch.optim.AdamW(net.parameters()), net, Extrapolation(1e38), spacing=1, ahead=10**6)
    train(net, optimizer, x, y, 5)
    assert optimizer.jumps == {"kept": 0, "taken back": 1}
    assert all(parameter.isfinite().all() for parameter in net.parameters())


def test_norms_measure_their_statistics_after_a_jump():
    net, x, y = problem(norm=True)
    optimizer = Nowcaster(torch.optim.SGD(net.parameters(), lr=0.1), net, Extrapolation(), spacing=1, ahead=20,
                          calibration=x)  # fmt: skip
    train(net, optimizer, x, y, 5)
    assert optimizer.jumps["kept"] == 1
    inside = net[0](x)
    torch.testing.assert_close(net[1].running_mean, inside.mean(0))
    torch.testing.assert_close(net[1].running_var, inside.var(0))
    assert net[1].momentum == 0.1 and net[1].training


def test_closures_schedules_and_groups_are_those_inside():
    net, x, y = problem()
    inner = torch.optim.SGD([{"params": net[0].parameters(), "lr": 0.0}, {"params": net[2].parameters()}], lr=0.1)
    optimizer = Nowcaster(inner, net, Extrapolation(), spacing=1, ahead=2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    before = net[0].weight.detach().clone()

    def closure():
        optimizer.zero_grad()
        loss = loss_of(net, x, y)
        loss.backward()
        return loss

    losses = [float(optimizer.step(closure)) for _ in range(6)]
    schedule.step()
    assert losses[-1] < losses[0] and (net[0].weight == before).all()
    assert inner.param_groups[1]["lr"] == optimizer.param_groups[1]["lr"] == 0.05


def test_linear_extrapolation_helps_on_a_slope():
    """Far from the end, going on as one went saves steps."""
    losses = {}
    for jumps in (False, True):
        net, x, y = problem()
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
        guard = lambda net=net, x=x, y=y: loss_of(net, x, y)  # noqa: E731
        if jumps:
            optimizer = Nowcaster(optimizer, net, Extrapolation(), spacing=2, ahead=10, guard=guard)
        losses[jumps] = train(net, optimizer, x, y, 60)[-1]
    assert losses[True] < losses[False]


def test_what_cant_be_is_refused():
    net, x, _ = problem()
    inner = torch.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"give example=inputs"):
        Nowcaster(inner, net, wild())
    with pytest.raises(ValueError, match=r"period must be 5 times the spacing or more, so 50, got 20"):
        Nowcaster(inner, net, Extrapolation(), spacing=10, period=20)
    with pytest.raises(ValueError, match="ahead must be 1 step or more, got 0"):
        Nowcaster(inner, net, Extrapolation(), ahead=0)
    with pytest.raises(ValueError, match="keep must be a share"):
        Nowcaster(inner, net, Extrapolation(), keep=1.5)
    with pytest.raises(ValueError, match="must be of parameters of the module"):
        Nowcaster(inner, nn.Linear(2, 2), Extrapolation())
    batch, x, _ = problem(norm=True)
    with pytest.raises(ValueError, match="give calibration=inputs"):
        Nowcaster(torch.optim.SGD(batch.parameters(), lr=0.1), batch, Extrapolation())
    optimizer = Nowcaster(inner, net, wild(), WeightSpace.trace(net, x))
    with pytest.raises(ValueError, match="A jump needs 5 kept states, got 0"):
        optimizer.jump()


def test_the_state_of_another_run_is_refused_and_nothing_taken_over():
    net, x, y = problem()
    optimizer = Nowcaster(torch.optim.AdamW(net.parameters()), net, Extrapolation(), spacing=1)
    train(net, optimizer, x, y, 3)
    kept = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match="must be that of a Nowcaster, but lacks count"):
        optimizer.load_state_dict(optimizer.optimizer.state_dict())
    wrong = copy.deepcopy(kept)
    wrong["history"]["0.weight"] = wrong["history"]["0.weight"][:, :2]
    with pytest.raises(ValueError, match=r"history of 0.weight must have the shape \[8, 6\], got \[2, 6\]"):
        optimizer.load_state_dict(wrong)
    assert all((optimizer.state_dict()["history"][n] == t).all() for n, t in kept["history"].items())


def test_weights_that_arent_finite_are_said():
    net, x, y = problem()
    optimizer = Nowcaster(torch.optim.SGD(net.parameters(), lr=0.1), net, Extrapolation(), spacing=1)
    train(net, optimizer, x, y, 1)
    net[0].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"must be finite to be kept as a state, got NaN or infinity in 0\.weight"):
        train(net, optimizer, x, y, 1)
