"""The compiled step of a learned rule against the rule in torch."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from weightspace.machine.compiler import load_native
from weightspace.optimizers import LearnedOptimizer, LearnedRule, RuleConfig
from weightspace.optimizers.rule import compiledrule as native
from weightspace.optimizers.rule.compiledrule import SOURCE, CompiledRule, flat_layers
from weightspace.optimizers.rule.packing import Packing
from weightspace.optimizers.rule.rulestate import RuleState

pytestmark = pytest.mark.skipif(load_native(SOURCE) is None, reason="no C compiler")

SHAPES = [
    (4,),
    (3, 5),
    (5, 3),
    (4, 4),
    (4, 2, 3, 3),
    (2, 4, 3, 3),
    (3, 3, 4, 2),
    (2, 3, 4),
    (),
    (1, 1),
    (200,),
    (9, 71),
]
PACKING = Packing(tuple(SHAPES))
RULES = {
    "drawn": lambda: LearnedRule(RuleConfig()),
    "published constants": lambda: LearnedRule(RuleConfig(hidden=5, epsilon=1.0)),
    "ships": lambda: LearnedRule.from_pretrained("learned-optimizer"),
    "nothing read": lambda: silent(LearnedRule(RuleConfig())),
}


def silent(rule):
    nn.init.zeros_(rule.layers[2].weight)
    return rule


def after(steps, rule, packing=PACKING, zeros=True):
    """States and directions of both after some steps with gradients of ever smaller size, a third of them zero."""
    torch.manual_seed(0)
    entries = sum(packing.sizes)
    weights = torch.randn(entries)
    plain = RuleState.zeros(packing, weights)
    ours, compiled = plain.clone(), CompiledRule(rule)
    for step in range(steps):
        gradient = torch.randn(entries) * 10.0**-step
        if zeros:
            gradient[::3] = 0
        plain.update(gradient, packing)
        with torch.no_grad():
            expected = rule(plain, weights, gradient, packing)
        found = compiled.step(ours, weights, gradient, packing)
    return plain, expected, ours, found


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("steps", [1, 5])
def test_it_is_the_rule(name, steps):
    torch.manual_seed(1)
    plain, expected, ours, found = after(steps, RULES[name]())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
    for each in ("momentum", "square", "rows", "columns"):
        torch.testing.assert_close(getattr(ours, each), getattr(plain, each), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_by_itself(shape):
    torch.manual_seed(1)
    _, expected, _, found = after(3, LearnedRule(RuleConfig()), Packing((shape,)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


def test_the_comparison_can_fail(monkeypatch):
    """Rows and columns taken for each other are noticed."""
    torch.manual_seed(1)
    right = native.indices_of(PACKING)
    wrong = native.Indices(**{**vars(right), "group_of": torch.full_like(right.group_of, -1)})
    monkeypatch.setattr(native, "indices_of", lambda packing: wrong)
    _, expected, _, found = after(2, LearnedRule(RuleConfig()))
    assert not torch.allclose(found, expected, rtol=1e-2, atol=1e-2)


def test_units_that_nothing_reads_are_left_out_and_changes_of_the_rule_are_seen():
    rule = LearnedRule.from_pretrained("learned-optimizer")
    assert flat_layers(rule)[:2] == (2, 2) and rule.config.hidden == 8
    drawn, compiled = LearnedRule(RuleConfig()), CompiledRule(LearnedRule(RuleConfig()))
    state = RuleState.zeros(PACKING, torch.zeros(sum(PACKING.sizes)))
    given = (torch.ones(sum(PACKING.sizes)), torch.randn(sum(PACKING.sizes)), PACKING)
    before = compiled.step(state.clone(), *given)
    compiled.rule.load_state_dict(drawn.state_dict())
    assert torch.equal(compiled.step(state.clone(), *given), CompiledRule(drawn).step(state.clone(), *given))
    assert not torch.equal(compiled.step(state.clone(), *given), before)


@pytest.mark.parametrize("change", [torch.Tensor.double, lambda t: t.expand(2, -1)[0, ::2].contiguous()[:0]])
def test_what_it_cannot_take_is_left_as_it_was(change):
    row = change(torch.randn(sum(PACKING.sizes)))
    packing = PACKING if row.numel() else Packing(((0,),))
    state = RuleState.zeros(packing, row)
    assert CompiledRule(LearnedRule(RuleConfig())).step(state, row, row, packing) is None
    assert not state.momentum.any()


def test_an_optimizer_trains_the_same_with_and_without_it(monkeypatch):
    ends = []
    for compiler in (load_native, lambda source: None):
        monkeypatch.setattr(native, "load_native", compiler)
        torch.manual_seed(0)
        sizes = [6, 16, 3]
        net = nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.Tanh()) for a, b in pairwise(sizes)))
        x, y = torch.randn(64, 6), torch.randn(64, 3)
        rule = LearnedRule.from_pretrained("learned-optimizer")
        optimizer = LearnedOptimizer(net.parameters(), rule, lr=1e-3, weight_decay=0.1)
        for _ in range(20):
            optimizer.zero_grad()
            (net(x) - y).square().mean().backward()
            optimizer.step()
        ends.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    torch.testing.assert_close(*ends, rtol=1e-3, atol=1e-5)
