"""Inverses, exponentials and determinants: what moves with what, and planted mistakes."""

import pytest
import torch

from tests.space.nets.operators import OPERATORS, make
from weightspace.space import WeightSpace
from weightspace.space.rules import RULES


def rows_then_columns(op, value, *_, **__):
    """Wrong: the inverse's rows are taken for those of the matrix, the exponential's for two sets of neurons."""
    return op.pointwise("opaque", value)


def passes(op, value, *_, **__):
    """Wrong: factors of rows and columns needn't cancel."""
    out = op.pointwise("equal", op.reduce(value, [-2, -1], keep=False))
    return (out, out) if op.several else out


def scaled(function):
    """A layer without bias, a matrix between two ReLUs, and what a function makes of it."""
    return make(lambda m, x: m.o((torch.relu(m.a(x)) @ function(m.w)).relu()), image=False)


FUNCTIONS = {
    "aten.linalg_inv": torch.linalg.inv,
    "aten.inverse": torch.inverse,
    "aten.linalg_inv_ex": lambda w: torch.linalg.inv_ex(w)[0],
    "aten.linalg_matrix_exp": torch.linalg.matrix_exp,
    "aten.matrix_exp": torch.matrix_exp,
    "aten.linalg_matrix_power": lambda w: torch.linalg.matrix_power(w, 3),
    "right": lambda w: torch.linalg.solve(w, torch.ones(8, 8), left=False) + w,
    "column": lambda w: torch.linalg.solve(w, w[:, :1]).T * w,
    "batch": lambda w: torch.linalg.inv(torch.stack([w, 2 * w])).sum(0),
    "vectors": lambda w: torch.linalg.solve(torch.stack([w, 2 * w]), torch.stack([w[0], w[1]])).sum(0) * w,
    "logdet": lambda w: w * torch.logdet(w @ w.T + torch.eye(8)),
    "det": lambda w: w * torch.linalg.det(w),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_found_holds(name):
    module, x = scaled(FUNCTIONS[name])
    space = WeightSpace.trace(module, x, verify=False)
    report = space.verify(module, x)
    assert report.sound and report.failed == () and report.errors == {}
    assert set(report.lost) == ({"aten._linalg_solve_ex"} if name == "vectors" else set())


def test_rows_and_columns():
    spaces = {name: WeightSpace.trace(*scaled(FUNCTIONS[name])) for name in ("aten.linalg_inv", "aten.matrix_exp")}
    axes = {name: [str(axis) for axis in space.tensors["w"].axes] for name, space in spaces.items()}
    inverted, exponential = axes.values()
    assert len(set(inverted)) == 2 and inverted[1] == str(spaces["aten.linalg_inv"].tensors["a.weight"].axes[0])
    assert len(set(exponential)) == 1
    assert {"scale"} <= set(spaces["aten.linalg_inv"].names[inverted[0]].kinds)


@pytest.mark.parametrize("name", ["aten.linalg_inv", "aten.linalg_matrix_exp"])
def test_a_planted_mistake_in_rows_and_columns_is_caught(monkeypatch, name):
    monkeypatch.setitem(RULES, name, rows_then_columns)
    space = WeightSpace.trace(*scaled(FUNCTIONS[name]))
    assert space.report.failed and space.report.sound


def test_planted_factors_that_do_not_cancel_are_caught(monkeypatch):
    module, x = make(*OPERATORS["aten.linalg_slogdet"])
    assert WeightSpace.trace(module, x, verify=False).verify(module, x).failed == ()
    monkeypatch.setitem(RULES, "aten.linalg_slogdet", passes)
    report = WeightSpace.trace(module, x, verify=False).verify(module, x)
    assert max(report.errors.values()) > 1e-6
