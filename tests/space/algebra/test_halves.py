"""Two steps that let a sign through only together."""

import pytest
import torch

from tests.space.known.known import between
from weightspace.space import WeightSpace
from weightspace.space.algebra import halves
from weightspace.space.rules import activations, pointwise

ONE = torch.ones(())


def traced(function):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, args = between(function).build()
        return WeightSpace.trace(module, *args)


def kinds(function):
    space = traced(function)
    assert space.report.sound and not space.report.failed
    return space.names[space.free[0]].kinds


@pytest.mark.parametrize(
    "function",
    [
        lambda h: h.sigmoid() - 0.4, lambda h: h.sigmoid() * 2 - 0.5, lambda h: h.sigmoid() - 0.5 + h.sigmoid(),
        lambda h: torch.minimum(torch.maximum(h, -ONE), 2 * ONE), lambda h: h.clamp(max=0.5).clamp(min=-1),
        lambda h: h.clamp(min=-1), lambda h: h.clamp(min=-1).clamp(max=1) + h.clamp(min=-1),
        lambda h: torch.add(h.sigmoid(), -0.25, alpha=2) * h.sigmoid(),
    ],
)  # fmt: skip
def test_only_where_both_fit_and_nothing_else_reads_the_first(function):
    assert kinds(function) == ("permutation",)


def test_a_cut_at_zero_is_a_relu():
    assert kinds(lambda h: torch.fmax(h, torch.full((), 0.0))) == ("permutation", "scale")
    assert kinds(lambda h: torch.minimum(torch.zeros(6), h)) == ("permutation", "scale")


def test_what_both_make_of_an_odd_function_may_be_read_twice():
    assert kinds(lambda h: (odd := h.sigmoid() - 0.5) + odd.sin()) == ("permutation", "sign")


def wrong_signs(function):
    """The error of signs before anything is mended."""
    module, args = between(function).build()
    found = WeightSpace.trace(module, *args, verify=False).verify(module, *args).errors.get("sign", 0.0)
    space = WeightSpace.trace(module, *args)
    assert space.report.sound and "sign" not in space.names[space.free[0]].kinds
    return found


def test_a_sigmoid_that_is_odd_around_another_number_is_caught(monkeypatch):
    monkeypatch.setattr(activations, "around", lambda out, value, number: halves.around(out, value, 0.4))
    assert wrong_signs(lambda h: h.sigmoid() - 0.4) > 1e-3


def test_a_cut_from_one_side_taken_for_both_is_caught(monkeypatch):
    monkeypatch.setattr(pointwise, "cut", lambda op, value, side, number: op.pointwise("odd", value))
    assert wrong_signs(lambda h: torch.maximum(h, -0.1 * ONE)) > 1e-3
