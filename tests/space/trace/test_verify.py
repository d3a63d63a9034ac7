"""Verification finds what is wrong, says by how much, and mends it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.space.nets.architectures import BY_NAME, traced
from tests.space.nets.layered import Code
from weightspace.space import Action, WeightSpace, parse_axes
from weightspace.space.parts import KINDS, Group
from weightspace.space.trace.verify import draw, settle


def with_axes(space, tensor, text):
    """The space with one tensor's axes written in another way."""
    sizes = {name: group.size for name, group in space.names.items()}
    spec = replace(space.tensors[tensor], axes=parse_axes(text, sizes))
    actions = tuple(action for action in space.actions if action.name != "h3")  # they count an axis's atoms
    return replace(space, tensors={**space.tensors, tensor: spec}, actions=actions)


def uncoupled(space, tensor, dim):
    """The space in which one axis of one tensor has a name of its own."""
    axes = list(space.tensors[tensor].axes)
    axes[dim] = parse_axes("alone", {"alone": axes[dim].size})[0]
    spec = replace(space.tensors[tensor], axes=tuple(axes))
    names = {**space.names, "alone": Group(axes[dim].size)}
    return replace(space, tensors={**space.tensors, tensor: spec}, names=names, actions=())


def verified(space, name):
    module, args = BY_NAME[name].make()
    return space.verify(module, *args)


@pytest.mark.parametrize(
    ("name", "tensor", "dim"),
    [("relu_mlp", "0.bias", 0), ("lenet", "3.weight", 1), ("residual", "n1.running_var", 0), ("siren", "b.weight", 0),
     ("vit_block", "norm2.weight", 0), ("dense", "b.bias", 0), ("gru_cell", "head.weight", 1)],
)  # fmt: skip
def test_an_uncoupled_axis_is_caught(name, tensor, dim):
    report = verified(uncoupled(traced(name), tensor, dim), name)
    assert report.error > 1e-6 and not report.sound
    assert "alone" in report.failed
    assert report.errors["permutation"] > 1e-6


def test_a_wrong_order_of_factors_is_caught():
    space = traced("lenet")
    right, wrong = "h6 (h3 3 3)", "h6 (3 3 h3)"
    assert verified(with_axes(space, "6.weight", right), "lenet").sound
    report = verified(with_axes(space, "6.weight", wrong), "lenet")
    assert report.error > 1e-3 and report.failed == ("h3",)


def test_only_the_wrong_name_is_fixed():
    module, args = BY_NAME["lenet"].make()
    mended = settle(with_axes(traced("lenet"), "6.weight", "h6 (3 3 h3)"), module, args, {})
    assert mended.report.sound and mended.report.failed == ("h3",)
    assert mended.free == ("h0", "h6")
    assert mended.names["h3"].kinds == ()
    assert {action.name for action in mended.actions} == {"h0", "h6"}


@pytest.mark.parametrize("kind", ["scale", "sign"])
def test_a_wrong_action_is_caught_and_dropped(kind):
    module, args = BY_NAME["mlp"].make()  # gelu lets neither through
    action = Action("h0", kind, {"0.weight": ((0, 0, 1),), "0.bias": ((0, 0, 1),), "2.weight": ((1, 0, -1),)})
    wrong = replace(traced("mlp"), actions=(action,))
    report = wrong.verify(module, *args)
    assert report.errors["permutation"] < 1e-9 < 1e-3 < report.errors[kind]
    assert report.failed == ()
    mended = settle(wrong, module, args, {})
    assert mended.actions == () and mended.free == ("h0", "h2") and mended.report.sound


def test_a_wrong_phase_is_caught():
    space = traced("siren")
    actions = [replace(a, shifts={n: 2 * s for n, s in a.shifts.items()}) for a in space.actions]
    report = verified(replace(space, actions=tuple(actions)), "siren")
    assert report.errors["phase"] > 1e-3 and report.errors["permutation"] < 1e-9


def test_small_groups_are_acted_on_too():
    """A name of two neurons draws the identity half of the time."""
    sizes = {"in": 2, "out": 2, **{f"h{i}": 2 for i in range(8)}}
    net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(9)))
    axes = {"0.weight": "h0 in", "8.weight": "out h7", "8.bias": "out"}
    axes |= {f"{i}.weight": f"h{i} h{i - 1}" for i in range(1, 8)}
    right = WeightSpace.parse({**axes, **{f"{i}.bias": f"h{i}" for i in range(8)}}, sizes=sizes)
    wrong = WeightSpace.parse({**axes, **{f"{i}.bias": "2" for i in range(8)}}, sizes=sizes)
    x = torch.randn(3, 2)
    assert right.verify(net, x).sound
    assert set(wrong.verify(net, x).failed) == {f"h{i}" for i in range(8)}


@pytest.mark.parametrize("name", ["siren", "relu_mlp", "gru", "shuffles"])
def test_nothing_drawn_is_neutral(name):
    drawn = draw(traced(name), KINDS)
    assert all(order.tolist() != list(range(len(order))) for order in drawn.permutations.values())
    for index, vector in drawn.factors.items():
        assert not bool((vector == (0.0 if drawn.space.actions[index].kind == "phase" else 1.0)).all())


def test_change_is_small_where_the_outputs_ignore_the_weights():
    net = Code(lambda m, x: x + 1e-20 * m.b(m.a(x).relu()), a=nn.Linear(3, 8), b=nn.Linear(8, 3))
    report = WeightSpace.trace(net, torch.randn(2, 3)).report
    assert report.sound and report.change < 1e-12


def test_what_was_found_before_stays_in_the_report():
    report = verified(traced("relu_mlp"), "relu_mlp")
    assert report.operators == traced("relu_mlp").report.operators > 0
    assert set(report.seconds) == {"export", "trace", "verify"}
    assert report.seconds["verify"] > traced("relu_mlp").report.seconds["verify"]


def test_weights_of_another_architecture():
    module, args = BY_NAME["mlp"].make()
    with pytest.raises(ValueError, match=r"missing: none, not in the space: \['4.weight', '4.bias'\]"):
        traced("relu_mlp").verify(module, *args)


def partly(first, second):
    """Two outputs, the second of which is another function of the same neurons."""

    def forward(m, x):
        h = m.a(x).relu()
        return first(m.b(h)), second(m.c(h))

    return Code(forward, a=nn.Linear(3, 8), b=nn.Linear(8, 2), c=nn.Linear(8, 1))


def test_outputs_that_are_nowhere_finite_are_refused_by_name():
    net, x = partly(lambda y: y / 0, lambda y: y * float("nan")), torch.randn(4, 3)
    with pytest.raises(ValueError, match=r"Code gives no finite number.*: output 0 of sizes \[4, 2\] is NaN or inf"):
        WeightSpace.trace(net, x)
    space = WeightSpace.trace(net, x, verify=False)
    assert space.free == ("a",) and space.report.error is None
    with pytest.raises(ValueError, match="or trace with verify=False, which proves nothing"):
        space.verify(net, x)


def test_one_output_that_is_nowhere_finite_is_told():
    report = WeightSpace.trace(partly(torch.tanh, lambda y: y * float("inf")), torch.randn(4, 3)).report
    assert report.sound and report.failed == ()
    assert "not proved of output 1 of sizes [4, 1]: it is finite nowhere" in report.notes


def test_an_output_is_proved_on_inputs_on_which_it_is_finite():
    net, x = partly(torch.tanh, torch.tanh), torch.zeros(4, 3)
    lost = Code(lambda m, x: (net(x)[0], net(x)[1] * x.log().sum()), net=net)  # the logarithm of zero
    report = WeightSpace.trace(lost, x).report
    assert report.sound and not any("finite" in note for note in report.notes)
