"""Adapters have one form, trained or not: what is left when one of their sides is zero, or doesn't have full rank."""

import pytest
import torch
from torch.func import functional_call

from tests.align.planted import gap
from tests.space.nets.mixing import KINDS, mixing
from weightspace.space.forms import matrices


def _adapter(side: str, left: int):
    """An adapter of rank 3, one side of which has ``left`` rows or columns other than zero, and one in disguise."""
    space, module, x, weights = mixing("adapter")
    matrix = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(7))).Q
    kept = matrix[:, :left] @ matrix[:, :left].T
    weights[side] = kept @ weights[side] if side == "down" else weights[side] @ kept
    return space, module, x, weights


@pytest.mark.parametrize("side", ["down", "up"])
@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_every_member_of_an_adapters_orbit_has_the_same_form(side, left):
    space, module, x, weights = _adapter(side, left)
    form, _ = space.canonicalize(weights)
    assert torch.allclose(functional_call(module, form, (x,)), functional_call(module, weights, (x,)), atol=1e-12)
    for seed in range(3):
        member = space.apply(space.random_symmetry(torch.Generator().manual_seed(seed), KINDS), weights)
        assert gap(weights, member) > 0.1
        assert gap(form, space.canonicalize(member)[0]) < 1e-9


def test_members_of_a_stack_may_differ_in_rank():
    space, _, _, _ = _adapter("up", 3)
    nets = [_adapter(*case)[3] for case in (("up", 3), ("up", 0), ("down", 1), ("up", 2))]
    stack, _ = space.canonicalize({n: torch.stack([net[n] for net in nets]) for n in nets[0]})
    for row, net in enumerate(nets):
        assert gap(space.canonicalize(net)[0], {n: t[row] for n, t in stack.items()}) < 1e-12


def test_without_pivots_the_forms_differ(monkeypatch):
    monkeypatch.setattr(matrices, "_pivots", lambda side, full: torch.eye(side.shape[-2]).double().expand(1, 3, 3))
    with pytest.raises(AssertionError):
        test_every_member_of_an_adapters_orbit_has_the_same_form("up", 0)
