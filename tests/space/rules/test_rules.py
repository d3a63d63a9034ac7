"""The rule of each operator: right by itself, and a planted wrong one is caught and mended by verification."""

import pytest
import torch

from tests.space.nets.operators import FIXING, OPERATORS, make
from weightspace.space import WeightSpace
from weightspace.space.algebra import in_parts
from weightspace.space.algebra.dims import leaf
from weightspace.space.algebra.value import Value
from weightspace.space.rules import RULES, reduce, rule

# Nothing is forgotten where all entries are equal, or where what reads the places fixes an axis that it doesn't know; a
# determinant tells by its sign alone, every other time.
EQUAL = {"aten.full_like", "aten.zeros_like", "aten.ones", "aten.argsort", "aten.one_hot", "aten.linalg_slogdet"}


def traced(name, **settings):
    module, x = make(*OPERATORS[name])
    return WeightSpace.trace(module, x, **settings)


def watched(monkeypatch, name):
    """Replace a rule by itself with a note of each call."""
    calls, right = [], RULES[name]
    monkeypatch.setitem(RULES, name, lambda t, *args, **kwargs: calls.append(name) or right(t, *args, **kwargs))
    return calls


def moves(space):
    """Some neurons of the layer ``a`` can be exchanged."""
    names = {atom.name for atom in space.tensors["a.weight"].axes[0].atoms()}
    return any(space.names[name].size > 1 for name in names & set(space.free))


def forgets(t, *_, **__):
    """A wrong rule: the output's axes have nothing to do with the inputs'."""
    values = [Value(tuple(leaf(size) for size in shape), t.dtype) for shape in t.shapes]
    return values if t.several else values[0]


def ignores(t, value, *_, **__):
    """A wrong rule: axes stay as they are, whatever the operator does to them."""
    return t.pointwise("equal", value)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_rule_is_right(monkeypatch, name):
    calls = watched(monkeypatch, name)
    module, x = make(*OPERATORS[name])
    space = WeightSpace.trace(module, x, verify=False)
    report = space.verify(module, x)
    assert calls
    assert report.sound and report.failed == () and report.lost == {}
    assert moves(space) == (name not in FIXING)


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - FIXING - EQUAL))
def test_a_rule_that_forgets_is_caught(monkeypatch, name):
    monkeypatch.setitem(RULES, name, forgets)
    space = traced(name)
    assert space.report.failed and not set(space.report.failed) & set(space.free)
    assert space.report.sound


@pytest.mark.parametrize("name", ["aten.roll", "aten.flip", "aten.cumsum", "aten.group_norm"])
def test_a_rule_that_ignores_places_is_caught(monkeypatch, name):
    monkeypatch.setitem(RULES, name, ignores)
    space = traced(name)
    assert "a" in space.report.failed and "a" not in space.free
    assert space.report.sound and space.names["a"].kinds == ()


@pytest.mark.parametrize(
    ("name", "kind", "wrong"),
    [("aten.gelu", "positive", "scale"), ("aten.tanh", "positive", "scale"), ("aten.relu", "odd", "sign"),
     ("aten.gelu", "sine", "phase"), ("aten.softplus", "equal", "scale"), ("aten.abs", "odd", "sign"),
     ("aten.fmod", "positive", "scale"), ("aten.gt", "equal", "scale"), ("aten.sinc", "odd", "sign")],
)  # fmt: skip
def test_a_rule_that_lets_a_wrong_factor_through_is_caught(monkeypatch, name, kind, wrong):
    monkeypatch.setitem(RULES, name, lambda t, value, *_, **__: t.pointwise(kind, value))
    module, x = make(*OPERATORS[name])
    report = WeightSpace.trace(module, x, verify=False).verify(module, x)
    assert report.errors[wrong] > 1e-6 > report.errors["permutation"]
    space = traced(name)
    assert space.report.sound and "a" in space.free
    assert not any(action.kind == wrong and action.name == "a" for action in space.actions)


def test_every_rule_has_a_row():
    functions = {RULES[name] for name in OPERATORS}
    missing = {function.__name__ for function in RULES.values() if function not in functions}
    assert missing == {"grouped_matmul"}  # computed on a GPU, or in 16 bits


def test_an_operator_has_one_rule():
    with pytest.raises(AssertionError, match=r"two rules for aten\.relu"):
        rule("aten.relu")(ignores)


def test_constants_whose_entries_differ_are_not_free(monkeypatch):
    monkeypatch.setitem(RULES, "aten.arange", RULES["aten.ones"])
    space = traced("aten.arange")
    assert space.report.failed and space.report.sound and not moves(space)


def chosen(function):
    """An expert's rows, taken where the scores are largest."""

    def forward(m, x):
        place = function(m.a(x)).argmax(-1)
        return m.w[place].tanh() @ m.p

    return make(forward, image=False)


def test_places_move_with_the_axis_along_which_they_were_found():
    module, x = chosen(torch.sigmoid)
    space = WeightSpace.trace(module, x)
    assert str(space.tensors["w"].axes[0]) == str(space.tensors["a.weight"].axes[0]) == "a"
    assert not space.report.failed and space.report.sound


def test_of_entries_that_may_be_equal_the_first_is_found_so_that_they_keep_their_places(monkeypatch):
    module, x = chosen(lambda h: (h - 2).relu())
    assert not moves(WeightSpace.trace(module, x))
    monkeypatch.setattr(reduce, "places_along", lambda op, value, axis: value.dims[axis])
    space = WeightSpace.trace(module, x, verify=False)
    assert moves(space) and space.verify(module, x).failed


def test_a_part_taken_from_the_wrong_place_is_caught(monkeypatch):
    """Of three that were stacked, the rule gives another than the one that is asked for."""

    def forward(m, x):
        h = torch.stack([m.a(x), m.b(x), m.a(x).tanh()])
        return m.o(h[0]) + m.o(h[1] @ m.w)

    module, x = make(forward, image=False)
    right = WeightSpace.trace(module, x)
    monkeypatch.setitem(in_parts.READS, "aten.select", lambda op, part, dim, index: part.along(dim)[1 - index])
    wrong = WeightSpace.trace(module, x)
    assert not right.report.failed and wrong.report.failed and wrong.report.sound


def test_places_used_as_numbers_fix_the_axis():
    module, x = make(lambda m, x: m.o(m.a(x) * m.a(x).argmax(-1, keepdim=True)), image=False)
    space = WeightSpace.trace(module, x)
    assert not moves(space) and not space.report.failed
