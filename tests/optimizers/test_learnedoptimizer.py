"""A learned rule as an optimizer: what users of PyTorch's own rely on, and what is refused."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from weightspace.metanets import METANETS
from weightspace.optimizers import LearnedOptimizer, LearnedRule, RuleConfig
from weightspace.optimizers.orthogonal import orthogonalized


def adam_like():
    """A rule whose direction is the momentum over the root of the mean square, as in Adam."""
    rule = LearnedRule(RuleConfig(hidden=2))
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.zero_()
        rule.layers[0].weight[:, 7] = torch.tensor([1.0, -1.0])
        rule.layers[1].weight.copy_(torch.eye(2))
        rule.layers[2].weight.copy_(torch.tensor([[1.0, -1.0]]))
    return rule


def problem(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    return net, torch.randn(16, 1, 6, 6), torch.randint(0, 3, (16,))


def train(net, optimizer, x, y, steps, schedule=None):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.item())
    return losses


def test_it_trains():
    net, x, y = problem()
    losses = train(net, LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2), x, y, 40)
    assert losses[-1] < 0.3 * losses[0]


def test_every_tensor_moves_by_the_rate():
    net, x, y = problem()
    before = copy.deepcopy(net.state_dict())
    train(net, LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2), x, y, 1)
    for name, tensor in net.state_dict().items():
        assert float((tensor - before[name]).square().mean().sqrt()) == pytest.approx(1e-2, rel=1e-4)


def test_a_closure_gives_the_loss():
    net, x, y = problem()
    optimizer = LearnedOptimizer(net.parameters(), adam_like())

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert optimizer.step(closure) < first


def test_groups_have_rates_of_their_own_and_schedules_change_them():
    net, x, y = problem()
    before = copy.deepcopy(net.state_dict())
    groups = [{"params": net[0].parameters(), "lr": 0.0}, {"params": net[3].parameters()}]
    optimizer = LearnedOptimizer(groups, adam_like(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 2)
    train(net, optimizer, x, y, 2, schedule)
    assert (net[0].weight == before["0.weight"]).all() and not (net[3].weight == before["3.weight"]).any()
    after = copy.deepcopy(net.state_dict())
    train(net, optimizer, x, y, 1)  # the rate has reached 0
    assert all((tensor == after[name]).all() for name, tensor in net.state_dict().items())


def test_weight_decay_is_decoupled():
    net, x, y = problem()
    other = copy.deepcopy(net)
    start = copy.deepcopy(net.state_dict())
    train(net, LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2, weight_decay=0.5), x, y, 1)
    train(other, LearnedOptimizer(other.parameters(), adam_like(), lr=1e-2), x, y, 1)
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name] - 5e-3 * start[name], rtol=1e-4, atol=1e-6)


def test_a_run_goes_on_bit_for_bit_from_its_state():
    net, x, y = problem()
    optimizer = LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2)
    train(net, optimizer, x, y, 3)
    kept, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(net.state_dict())
    straight = train(net, optimizer, x, y, 3)
    net.load_state_dict(weights)
    again = LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2)
    again.load_state_dict(kept)
    assert train(net, again, x, y, 3) == straight


def test_parameters_without_gradient_stay_and_keep_their_state():
    net, x, y = problem()
    optimizer = LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2)
    train(net, optimizer, x, y, 2)
    kept = {name: tensor.clone() for name, tensor in optimizer.state[net[0].weight].items()}
    frozen = net[0].weight.clone()
    net[0].requires_grad_(False)
    train(net, optimizer, x, y, 2)
    assert (net[0].weight == frozen).all()
    assert all((optimizer.state[net[0].weight][name] == tensor).all() for name, tensor in kept.items())
    net[0].requires_grad_(True)
    train(net, optimizer, x, y, 1)
    assert not (net[0].weight == frozen).all()


def test_large_nets_are_stepped_in_parts(monkeypatch):
    net, x, y = problem()
    other = copy.deepcopy(net)
    whole = train(net, LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2), x, y, 3)
    monkeypatch.setattr("weightspace.optimizers.learnedoptimizer.MOST_ENTRIES", 50)
    assert train(other, LearnedOptimizer(other.parameters(), adam_like(), lr=1e-2), x, y, 3) == pytest.approx(whole)


def test_half_precision_parameters_are_stepped_in_float32():
    net, x, y = problem()
    net = net.bfloat16()
    optimizer = LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2)
    losses = train(net, optimizer, x.bfloat16(), y, 20)
    assert losses[-1] < losses[0] and optimizer.state[net[0].weight]["momentum"].dtype == torch.float32


def test_matrices_can_be_stepped_by_orthogonal_directions():
    way = orthogonalized(torch.randn(6, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    values = torch.linalg.svdvals(way)
    assert float(values.max() / values.min()) < 2 and float(way.square().mean()) == pytest.approx(1)
    net, x, y = problem()
    losses = train(net, LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2, orthogonalize=True), x, y, 40)
    assert losses[-1] < 0.3 * losses[0]


def test_the_rule_compiles_to_one_graph():
    command = [sys.executable, "-m", "tests.optimizers.compiling"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout) < 1e-5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_isnt_finite_moves_nothing(value):
    net, x, y = problem()
    optimizer = LearnedOptimizer(net.parameters(), adam_like(), lr=1e-2)
    train(net, optimizer, x, y, 1)
    before = copy.deepcopy((net.state_dict(), optimizer.state_dict()["state"]))
    nn.functional.cross_entropy(net(x), y).backward()
    net[3].bias.grad[1] = value
    with pytest.raises(ValueError, match=r"parameter 3 of group 0, shape \[3\].*Nothing was moved"):
        optimizer.step()
    assert all((a == b).all() for a, b in zip(net.state_dict().values(), before[0].values(), strict=True))
    for index, kept in before[1].items():
        assert all((optimizer.state_dict()["state"][index][name] == tensor).all() for name, tensor in kept.items())


def test_the_state_of_another_model_is_refused():
    net, x, y = problem()
    optimizer = LearnedOptimizer(net.parameters(), adam_like())
    train(net, optimizer, x, y, 1)
    other = LearnedOptimizer(nn.Linear(3, 3).parameters(), adam_like())
    with pytest.raises(ValueError, match="must be of 2 parameters, got one of 4"):
        other.load_state_dict(optimizer.state_dict())
    wide = nn.Sequential(nn.Conv2d(1, 5, 3), nn.Linear(80, 3))
    with pytest.raises(ValueError, match="parameter 0 must hold 3 momenta of 45 entries"):
        LearnedOptimizer(wide.parameters(), adam_like()).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize("settings", [{"lr": -1.0}, {"lr": float("nan")}, {"weight_decay": float("inf")}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="must be a finite number of 0 or more"):
        LearnedOptimizer(nn.Linear(2, 2).parameters(), adam_like(), **settings)


def test_complex_parameters_are_refused():
    with pytest.raises(TypeError, match="real floating point"):
        LearnedOptimizer([nn.Parameter(torch.zeros(2, dtype=torch.complex64))], adam_like())


def test_a_metanet_isnt_taken_for_a_rule():
    with pytest.raises(ValueError, match="LearnedRule"):
        LearnedOptimizer.from_pretrained("digits-accuracy", nn.Linear(2, 2).parameters())
    assert "LearnedRule" not in METANETS
