"""The rule that sees the whole net: it commutes with permutations on traced nets, steps as it says, and says no."""

import copy

import pytest
import torch
from torch import nn

from weightspace import WeightSpace
from weightspace.nets import build_net
from weightspace.optimizers import FunctionalRule, FunctionalRuleConfig, UNFOptimizer, width_groups
from weightspace.optimizers.functionalrule import DECAYS

NETS = {
    "mlp": {"in_features": 3, "hidden": [5, 4], "out_features": 2, "norm": "layer"},
    "cnn": {"channels": [4, 4], "stride": [2, 1], "norm": "batch"},
    "resnet": {},
    "vit": {"dim": 8, "depth": 1},
}


def traced(name):
    torch.manual_seed(0)
    net = build_net(name, **NETS[name])
    return net, WeightSpace.trace(net, *net.example_inputs())


def random_like(space, lead=()):
    return {name: torch.randn((*lead, *spec.shape), dtype=torch.float64) for name, spec in space.tensors.items()}


def rule_of(space, **settings):
    rule = FunctionalRule(FunctionalRuleConfig(spaces=(space,), width=6, **settings)).double()
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return rule


def moved(space, symmetry, tensors):
    """Tensors of an equivariant map move as weights do; counters, which it has no answer for, are put in."""
    counters = {name: torch.zeros(spec.shape) for name, spec in space.tensors.items() if name not in tensors}
    return space.apply(symmetry, {**counters, **tensors})


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_it_commutes_with_permutations(name):
    _, space = traced(name)
    rule, symmetry = rule_of(space), space.random_symmetry(torch.Generator().manual_seed(1))
    weights, gradient, momenta = random_like(space), random_like(space), random_like(space, (len(DECAYS),))
    found = moved(space, symmetry, rule(weights, gradient, momenta, 7))
    parts = [space.apply(symmetry, {key: value[i] for key, value in momenta.items()}) for i in range(len(DECAYS))]
    again = rule(
        moved(space, symmetry, weights),
        moved(space, symmetry, gradient),
        {key: torch.stack([part[key] for part in parts]) for key in weights},
        7,
    )
    for key, value in again.items():
        torch.testing.assert_close(value, found[key], rtol=1e-9, atol=1e-9)
    plain = rule(weights, gradient, momenta, 7)
    assert any(not torch.allclose(value, found[key]) for key, value in plain.items())


def test_every_input_matters():
    _, space = traced("mlp")
    rule, weights, gradient = rule_of(space), random_like(space), random_like(space)
    momenta = random_like(space, (len(DECAYS),))
    before = rule(weights, gradient, momenta, 7)["linears.1.weight"]
    others = [(random_like(space), gradient, momenta, 7), (weights, random_like(space), momenta, 7),
              (weights, gradient, random_like(space, (len(DECAYS),)), 7), (weights, gradient, momenta, 70)]  # fmt: skip
    assert all(not torch.allclose(rule(*other)["linears.1.weight"], before) for other in others)


def net_and_loss():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    x = torch.randn(32, 3)
    return net, x, lambda: (net(x) - x[:, :2]).square().mean()


def train(optimizer, loss, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def test_without_a_residual_it_is_momentum():
    net, x, loss = net_and_loss()
    other = copy.deepcopy(net)
    ours = UNFOptimizer.for_module(net, x, lr=0.1, residual=0.0)
    theirs = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9, dampening=0.1)
    train(ours, loss, 1)
    start = copy.deepcopy(other.state_dict())
    train(theirs, lambda: (other(x) - x[:, :2]).square().mean(), 1)
    for name, value in other.state_dict().items():  # SGD's first velocity is the whole gradient, ours a tenth of it
        torch.testing.assert_close(
            net.state_dict()[name] - start[name], 0.1 * (value - start[name]), rtol=1e-3, atol=1e-7
        )
    losses = train(ours, loss, 100)
    assert losses[-1] < 0.5 * losses[0]


def test_the_residual_is_added():
    net, x, loss = net_and_loss()
    other = copy.deepcopy(net)
    rule = UNFOptimizer.for_module(net, x).rule
    start = copy.deepcopy(net.state_dict())
    train(UNFOptimizer(net.named_parameters(), rule, residual=1.0), loss, 1)
    train(UNFOptimizer(other.named_parameters(), rule, residual=0.0), lambda: (other(x) - x[:, :2]).square().mean(), 1)
    assert not torch.allclose(net[0].weight - start["0.weight"], other[0].weight - start["0.weight"])


def test_it_goes_on_from_its_state_and_is_saved(tmp_path):
    net, x, loss = net_and_loss()
    optimizer = UNFOptimizer.for_module(net, x, residual=0.01)
    optimizer.rule.save_pretrained(tmp_path / "rule")
    train(optimizer, loss, 3)
    kept, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(net.state_dict())
    straight = train(optimizer, loss, 3)
    net.load_state_dict(weights)
    again = UNFOptimizer(net.named_parameters(), FunctionalRule.from_pretrained(tmp_path / "rule"), residual=0.01)
    again.load_state_dict(kept)
    assert train(again, loss, 3) == straight


def test_bad_input_moves_nothing():
    net, x, loss = net_and_loss()
    optimizer = UNFOptimizer.for_module(net, x)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match=r"0\.weight has none"):
        optimizer.step()
    loss().backward()
    net[2].bias.grad[0] = float("nan")
    with pytest.raises(ValueError, match=r"infinity in 2\.bias"):
        optimizer.step()
    assert all((value == before[name]).all() for name, value in net.state_dict().items())
    with pytest.raises(TypeError, match="named_parameters"):
        UNFOptimizer(net.parameters(), optimizer.rule)
    with pytest.raises(ValueError, match=r"Parameter 0\.weight must have shape \(8, 3\)"):
        UNFOptimizer(nn.Sequential(nn.Linear(4, 8)).named_parameters(), optimizer.rule)


def test_rates_of_wide_nets():
    narrow, wide = (
        nn.Sequential(nn.Linear(3, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 2)) for n in (4, 16)
    )
    rates = {group["name"]: group["lr"] for group in width_groups(wide, narrow, 1e-2)}
    assert rates == pytest.approx({"0.weight": 1e-2, "0.bias": 1e-2, "2.weight": 2.5e-3, "2.bias": 1e-2,
                                   "4.weight": 2.5e-3, "4.bias": 1e-2})  # fmt: skip
    with pytest.raises(ValueError, match="difference in 4"):
        width_groups(wide, narrow[:4], 1e-2)
