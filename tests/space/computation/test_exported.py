"""Export without hidden state, and refusals that say where."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation.exported import export

X = torch.randn(2, 3)


def operators(module, *args):
    """The operators of the exported program by name."""
    program, _ = export(module, args, {})
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]


def code(function):
    return Code(function, a=nn.Linear(3, 4), b=nn.Linear(4, 2))


def test_plain_code_stays_as_it_is():
    assert operators(code(lambda m, x: m.b(m.a(x).relu())), X) == [
        "aten.linear.default", "aten.relu.default", "aten.linear.default",
    ]  # fmt: skip


def test_writing_into_what_nothing_else_sees_stays():
    assert "aten.relu_.default" in operators(code(lambda m, x: m.b(m.a(x).relu_())), X)


def test_writing_into_a_view_is_made_explicit():
    def forward(m, x):
        h = m.a(x)
        h[:, 0] += 1
        return m.b(h)

    found = operators(code(forward), X)
    assert not any(".add_." in name or "copy_." in name for name in found)
    assert any("scatter" in name for name in found)


def test_counters_of_a_norm_are_no_reason_to_decompose():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).train()
    assert any("add_" in name for name in operators(net, X))


def branches_on_data(m, x):
    return m.b(m.a(x)) if x.sum() > 0 else x


def calls_numpy(m, x):
    return m.b(torch.as_tensor(m.a(x).detach().numpy().tolist()))


@pytest.mark.parametrize(
    ("forward", "line"),
    [(branches_on_data, "return m.b(m.a(x)) if x.sum() > 0 else x"), (calls_numpy, "m.a(x).detach().numpy()")],
)
def test_a_refusal_names_the_line_and_shows_the_way_out(forward, line):
    with pytest.raises(ValueError, match=r"Code can't be traced, because torch\.export refuses its code") as caught:
        export(code(forward), (X,), {})
    message = str(caught.value)
    assert "test_exported.py:" in message and line in message
    assert "  why:   " in message
    assert 'WeightSpace.parse({"0.weight": "hidden in"' in message


def test_inputs_of_a_wrong_shape_are_refused_with_a_reason():
    with pytest.raises(ValueError, match=r"Sequential can't be traced.*(\n.*)+why: +RuntimeError"):
        export(nn.Sequential(nn.Linear(3, 4)), (torch.ones(2, 5),), {})


class Result:
    """What model libraries return: an object with fields."""

    def __init__(self, scores, cache=None):
        self.scores, self.cache = scores, cache

    def to_tuple(self):
        return (self.scores, self.cache) if self.cache else (self.scores,)


class Hidden:
    """An object that carries a hidden state in a field."""

    __slots__ = ("state",)

    def __init__(self, state):
        self.state = [state]


class KeyCache:
    """What goes back into the module."""

    def __init__(self, keys):
        self.keys = keys


@dataclass
class Carried:
    """A result with a hidden state."""

    scores: torch.Tensor
    hidden: torch.Tensor


@pytest.mark.parametrize("wrap", [Carried, lambda y, h: (y, Hidden(h)), lambda y, h: {"y": [y, Hidden(h)]}])
def test_a_hidden_state_that_is_given_out_is_fixed(wrap):
    space = WeightSpace.trace(code(lambda m, x: wrap(m.b(m.a(x)), m.a(x))), X)
    assert space.free == () and space.report.sound and not space.report.failed


def test_outputs_of_any_type():
    program, left_out = export(code(lambda m, x: Result(m.b(m.a(x)), object())), (X,), {})
    assert left_out == ("object",)
    assert len(program.graph_signature.user_outputs) == 1
    result = code(lambda m, x: {"y": m.b(m.a(x)), "n": 3, "z": Hidden(m.a(x)), "cache": KeyCache(x)})
    program, left_out = export(result, (X,), {})
    assert left_out == ("KeyCache",) and len(program.graph_signature.user_outputs) == 2
