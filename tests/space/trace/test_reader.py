"""Reading a graph: operators by rule, by tag, by their decomposition, or not at all; and code that works in place."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.rules import RULES
from weightspace.space.trace.known import constant_value
from weightspace.space.trace.reader import Reader, operator_name

X = torch.randn(4, 3)


def huber(h):
    return F.huber_loss(h, h.roll(1, 0), reduction="none")


def traced(function):
    net = Code(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(3, 8), b=nn.Linear(8, 2))
    bare, sound = (WeightSpace.trace(net, X, verify=verify) for verify in (False, True))
    assert bare == sound and sound.report.sound
    return sound


def test_names_of_operators():
    assert operator_name(torch.ops.aten.relu_.default) == operator_name(torch.ops.aten.relu.default) == "aten.relu"
    assert operator_name(torch.ops.aten.add.Tensor) == "aten.add"


def test_pointwise_operators_need_no_rule():
    assert "aten.lgamma" not in RULES
    space = traced(torch.lgamma)
    assert space.free == ("a",) and space.names["a"].kinds == ("permutation",) and not space.report.lost


def test_operators_are_decomposed():
    assert "aten.huber_loss" not in RULES
    space = traced(huber)
    assert space.free == ("a",) and not space.report.lost


def test_what_cannot_be_read_is_frozen_and_named(monkeypatch):
    monkeypatch.setattr(Reader, "_decompose", lambda *_: None)
    space = traced(huber)
    assert space.free == ()
    assert set(space.report.lost) == {"aten.huber_loss"}
    assert set(space.report.lost["aten.huber_loss"]) >= {"a.weight", "a.bias"}


def test_blocks_of_code_are_read_through():
    def without_gradient(h):
        with torch.no_grad():
            return h.relu()

    assert traced(without_gradient).free == ("a",)


def test_writing_in_place():
    def forward(h):
        h = h.clone()
        h += 1
        h[:, 2:4] = 0
        return h.mul_(2).relu_()

    space = traced(forward)
    sizes = sorted(space.names[name].size for name in space.free)
    assert sizes == [2, 2, 4]  # before, behind, and where it was written: what was computed there is read nowhere


def test_constants():
    kinds = [constant_value(t).constant for t in (torch.zeros(3), torch.full((3,), 2.0), torch.arange(3))]
    assert kinds == ["zero", "uniform", "data"]


def test_a_mistake_inside_a_rule_is_no_lost_symmetry(monkeypatch):
    monkeypatch.setitem(RULES, "aten.relu", lambda t, value: undefined_name)
    with pytest.raises(NameError, match="undefined_name") as caught:
        traced(F.relu)
    assert any("rule of aten.relu" in note for note in caught.value.__notes__)


def test_a_form_of_a_call_that_a_rule_does_not_take_is_read_another_way(monkeypatch):
    monkeypatch.setitem(RULES, "aten.relu", lambda t, value, unknown: None)
    assert traced(F.relu).free == ("a",)


def test_a_check_on_heads_has_no_result():
    """Casting a tensor leaves an operator behind that checks its type and gives nothing."""

    def forward(m, x):
        q, k, v = (part(x).view(4, 5, 2, 4).transpose(1, 2).to(torch.float32) for part in (m.q, m.k, m.v))
        y = m.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        y[:, 0] += 1  # writing into a view, so that the graph is run once more
        return y

    net = Code(forward, **{name: nn.Linear(3, 8) for name in "qkv"}, o=nn.Linear(8, 2))
    space = WeightSpace.trace(net, torch.randn(4, 5, 3))
    assert space.free == ("q.heads", "q.dim", "v.dim") and space.report.sound and not space.report.failed
