"""Every optimizer where the net is: steps are the CPU's, a stopped run goes on, and a rule need not be moved."""

import copy

import pytest
import torch
from torch import nn

from weightspace.optimizers import (
    Extrapolation,
    Forecaster,
    ForecasterConfig,
    FunctionalRule,
    FunctionalRuleConfig,
    LearnedOptimizer,
    LearnedRule,
    NewtonSchulz,
    Nowcaster,
    RuleConfig,
    UNFOptimizer,
)
from weightspace.optimizers.beside import beside
from weightspace.space import WeightSpace

SOURCE = torch.Generator().manual_seed(0)
X, Y = torch.randn(16, 1, 6, 6, generator=SOURCE), torch.arange(16) % 4
STEPS = 5  # the states that a forecast reads


def model():
    """A net with a batch norm, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # no bias before the norm: its gradient is rounding alone, which rules bring to full size
        return nn.Sequential(
            nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 4)
        )


def shaken(rule):
    """A rule that does something."""
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=source))
    return rule


def nowcaster(net, x, forecaster):
    return Nowcaster(
        torch.optim.AdamW(net.parameters()), net, forecaster, example=SPACE, spacing=1, ahead=3, calibration=x
    )


SPACE = WeightSpace.trace(model().eval(), X[:2])
MAKERS = {
    "LearnedOptimizer": lambda net, x: LearnedOptimizer(net.parameters(), shaken(LearnedRule(RuleConfig())), 1e-2),
    "LearnedOptimizer, orthogonal": lambda net, x: LearnedOptimizer(
        net.parameters(), shaken(LearnedRule(RuleConfig())), 1e-2, orthogonalize=True
    ),
    "UNFOptimizer": lambda net, x: UNFOptimizer(
        net.named_parameters(), shaken(FunctionalRule(FunctionalRuleConfig(spaces=(SPACE,), width=4))), residual=1e-2
    ),
    "NewtonSchulz": lambda net, x: NewtonSchulz(net.parameters()),
    "Forecaster": lambda net, x: nowcaster(net, x, shaken(Forecaster(ForecasterConfig(width=8)))),
    "Extrapolation": lambda net, x: nowcaster(net, x, Extrapolation()),
}


def steps(net, optimizer, x, y):
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def runs(name, place, dtype):
    """Weights after some steps, and after as many more: without a break, and with one."""
    net, x, y = model().to(place, dtype), X.to(place, dtype), Y.to(place)
    optimizer = MAKERS[name](net, x)
    steps(net, optimizer, x, y)
    first = {key: tensor.detach().cpu().double().clone() for key, tensor in net.state_dict().items()}
    other = model().to(place, dtype)
    other.load_state_dict(net.state_dict())
    again = MAKERS[name](other, x)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for pair in ((net, optimizer), (other, again)):
        steps(*pair, x, y)
    return first, net.state_dict(), other.state_dict()


@pytest.mark.parametrize("name", MAKERS)
def test_steps_are_those_of_the_cpu_and_go_on_where_they_were_stopped(name, device):
    wanted, *_ = runs(name, "cpu", torch.float64)
    found, whole, broken = runs(name, device, torch.float32)
    moved = model().state_dict()
    for key, tensor in wanted.items():
        change = float((tensor - moved[key].double()).abs().max())
        assert float((found[key] - tensor).abs().max()) <= 0.05 * change + 1e-5, key
        assert whole[key].device.type == device.type
        torch.testing.assert_close(broken[key].cpu(), whole[key].cpu(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_a_stopped_run_of_a_bfloat16_net_goes_on_bit_for_bit(name):
    _, whole, broken = runs(name, "cpu", torch.bfloat16)
    assert all(torch.equal(tensor, broken[key]) for key, tensor in whole.items())


def test_a_rule_that_lies_there_is_not_copied(device):
    rule = LearnedRule(RuleConfig()).to(device)
    assert beside(rule, torch.zeros(1, device=device)) is rule
    assert beside(rule, torch.zeros(1)) is not rule
    assert isinstance(beside(Extrapolation(), torch.zeros(1, device=device)), Extrapolation)
