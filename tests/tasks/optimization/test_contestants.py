"""Stacked optimizers are PyTorch's own, and a rule's."""

import pytest
import torch
from torch import nn

from weightspace.optimizers import LearnedOptimizer, LearnedRule, RuleConfig
from weightspace.optimizers import NewtonSchulz as Orthogonal
from weightspace.tasks.optimization.contestants import (
    AdamW,
    Contestant,
    Learned,
    Momentum,
    Muon,
    NewtonSchulz,
    ScheduleFree,
    turned,
)
from weightspace.tasks.optimization.innertask import digits_task

RATE = 1e-2


@pytest.fixture(scope="module")
def task():
    return digits_task("mlp", batch=16, in_features=64, hidden=[6, 6], out_features=10)


def rule():
    torch.manual_seed(0)
    return LearnedRule(RuleConfig())


def schedule_free(parameters):
    optimizer = pytest.importorskip("schedulefree").AdamWScheduleFree(parameters, lr=RATE)
    optimizer.train()
    return [optimizer]


def muon(parameters):
    matrices = [p for p in parameters if p.ndim == 2][:-1]
    rest = [p for p in parameters if not any(p is q for q in matrices)]
    return [torch.optim.Muon(matrices, lr=RATE, adjust_lr_fn="match_rms_adamw"), torch.optim.AdamW(rest, lr=RATE)]


OWN = {
    AdamW: lambda parameters: [torch.optim.AdamW(parameters, lr=RATE)],
    Momentum: lambda parameters: [torch.optim.SGD(parameters, lr=RATE, momentum=0.9)],
    ScheduleFree: schedule_free,
    Muon: muon,
    NewtonSchulz: lambda parameters: [Orthogonal(parameters, lr=RATE)],
    Learned: lambda parameters: [LearnedOptimizer(parameters, rule(), lr=RATE)],
}


@pytest.mark.parametrize("kind", OWN)
def test_they_step_as_the_optimizers_that_users_have(task, kind):
    generator = torch.Generator().manual_seed(0)
    rows = task.start(1, generator)
    start = rows[0].clone()
    own = {name: nn.Parameter(value[0].clone()) for name, value in task.layout.views(rows).items()}
    optimizers = OWN[kind](list(own.values()))
    runner = Learned(task, rows, rule()) if kind is Learned else kind(task, rows)
    for _ in range(5):
        examples = task.examples(1, generator)
        rows = runner.step(rows, task.gradient(rows, examples)[1], torch.full((1, 1), RATE))
        loss = task.loss(task.layout.rows({name: value[None] for name, value in own.items()}), examples).sum()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    flat = lambda: torch.cat([p.detach().flatten() for p in own.values()])  # noqa: E731
    if kind is Muon:  # PyTorch's runs its iteration in bfloat16 and doesn't bring the result to one size
        ours, theirs = rows[0] - start, flat() - start
        assert torch.cosine_similarity(ours, theirs, 0) > 0.97 and 0.8 < ours.norm() / theirs.norm() < 1.25
    else:
        torch.testing.assert_close(rows[0], flat(), rtol=1e-4, atol=2e-6)
    if kind is ScheduleFree:
        optimizers[0].eval()
        torch.testing.assert_close(runner.average[0], flat(), rtol=1e-4, atol=2e-6)


def test_every_contestant_is_held_against_its_own():
    assert set(Contestant.__subclasses__()) == set(OWN)


def test_rates_are_of_runs(task):
    rows = task.start(1, torch.Generator().manual_seed(0)).repeat(2, 1)
    gradient = torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    gradient[1] = gradient[0]
    for kind in OWN:
        runner = Learned(task, rows, rule()) if kind is Learned else kind(task, rows)
        moved = runner.step(rows, gradient, torch.tensor([[0.0], [RATE]])) - rows
        assert not moved[0].any() and moved[1].any(), kind


def test_matrices_of_every_run_are_turned():
    tensor = torch.randn(3, 4, 7, generator=torch.Generator().manual_seed(0))
    found = turned(tensor)
    values = torch.linalg.svdvals(found)
    assert (values.amax(1) / values.amin(1) < 2).all()
    torch.testing.assert_close(found.square().mean((1, 2)), torch.ones(3))


def test_newton_schulz_steps_matrices_by_orthogonal_directions(task):
    rows = task.start(1, torch.Generator().manual_seed(0))
    gradient = torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    moved = task.layout.views(NewtonSchulz(task, rows).step(rows, gradient, torch.ones(1, 1)) - rows)
    values = torch.linalg.svdvals(moved["linears.1.weight"][0])
    assert float(values.max() / values.min()) < 2
    torch.testing.assert_close(moved["linears.1.bias"].abs(), torch.ones(1, 6), rtol=1e-4, atol=1e-4)


def test_runs_of_a_rule_are_stepped_in_parts(task, monkeypatch):
    rows = task.start(3, torch.Generator().manual_seed(0))
    gradient = torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    whole = Learned(task, rows, rule()).step(rows, gradient, torch.ones(3, 1))
    monkeypatch.setattr("weightspace.tasks.optimization.contestants.CACHED", 2 * rows.shape[1])
    torch.testing.assert_close(Learned(task, rows, rule()).step(rows, gradient, torch.ones(3, 1)), whole)
