"""Code that branches on sizes far from the example's: the other way is found and proved too."""

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation import probe
from weightspace.space.computation.branches import Branches
from weightspace.space.computation.conditions import Conditions

X = torch.randn(2, 6, 5)
# conditions that hold on the example and say where another way begins
CONDITIONS = {
    "longer": (lambda x: x.shape[1] < 40, 40),
    "one length": (lambda x: x.shape[1] != 50, 50),
    "of all samples": (lambda x: x.shape[0] * x.shape[1] < 300, 150),
    "in chunks": (lambda x: (x.shape[1] + 31) // 32 == 1, 33),
}


def net(condition):
    """Its neurons can be exchanged where the condition holds, and only there."""
    other = lambda m, x: m.a(x).relu() if condition(x) else m.a(x).relu().cumsum(-1)  # noqa: E731
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Code(lambda m, x: m.o(other(m, x)), a=nn.Linear(5, 8), o=nn.Linear(8, 2))


def lengths(module, *args, large=False, **kwargs):
    """The lengths that are tried after the example."""
    with Conditions() as met:
        module(*args, **kwargs)
    branches = Branches(large)
    branches.add(met.found)
    return [
        leaf.shape[1] for inputs in branches.inputs((args, kwargs)) for leaf in pytree.tree_leaves(inputs)
    ], branches


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_holds_on_short_inputs_only_is_fixed(name, monkeypatch):
    condition, begins = CONDITIONS[name]
    assert begins in lengths(net(condition), X)[0]
    space = WeightSpace.trace(net(condition), X)
    assert space.free == () and space.report.failed == ("a",)
    assert "a branch, train" in space.report.cases
    monkeypatch.setattr(Branches, "inputs", lambda self, example: iter(()))
    assert WeightSpace.trace(net(condition), X).free == ("a",)  # wrong: nothing else tries such lengths


def test_large_modules_are_tried_where_that_is_quick_and_it_is_said_where_not(monkeypatch):
    monkeypatch.setattr(probe, "_SMALL", 1)
    longer, _ = CONDITIONS["longer"]
    space = WeightSpace.trace(net(longer), X)
    assert space.free == ("a",) and "test_branches.py" in space.report.notes[0]
    assert "goes another way, as it may with a size of 40 instead of 6" in space.report.notes[0]
    shorter = lambda x: x.shape[1] > 2  # noqa: E731
    assert WeightSpace.trace(net(shorter), X).free == ()


def test_a_branch_that_keeps_the_symmetry_costs_nothing():
    forward = lambda m, x: m.o(m.a(x).relu() if x.shape[1] < 40 else m.a(x).tanh())  # noqa: E731
    space = WeightSpace.trace(Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X)
    assert space.free == ("a",) and space.report.failed == ()
    assert space.names["a"].kinds == ("permutation",)  # neither scales, on the one side, nor signs, on the other


def test_ways_that_were_seen_anyway_are_not_tried_again():
    forward = lambda m, x: m.o(m.a(x).relu() if x.shape[1] % 2 == 0 else m.a(x).tanh())  # noqa: E731
    cases = WeightSpace.trace(Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X).report.cases
    assert "a size more, train" in cases and "a branch, train" not in cases


def test_conditions_that_mean_nothing_for_some_sizes():
    blocks = lambda m, x: m.o(m.a(x).relu()) if 16 % (x.shape[1] // 3) == 0 else m.a(x)[..., :2]  # noqa: E731
    assert 9 in lengths(Code(blocks, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X)[0]


def test_named_inputs_and_sizes_that_arise_inside():
    halved = lambda m, length: m.o(m.a(length[:, ::2]).relu() if length[:, ::2].shape[1] < 20 else m.a(length))  # noqa: E731
    assert 40 in lengths(Code(halved, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), length=X)[0]


def test_a_loop_of_conditions_is_short():
    loop = lambda m, x: m.o(sum(m.a(x) for i in range(2000) if i == x.shape[1]))  # noqa: E731
    assert len(lengths(Code(loop, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X)[1].met) <= 8


def test_sizes_that_vary_may_be_given_for_named_inputs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o, self.place = nn.Linear(5, 8), nn.Linear(8, 2), nn.Parameter(torch.randn(12, 8))

        def forward(self, x):
            return self.o((self.a(x) + self.place[: x.shape[1]]).tanh())

    length = torch.export.Dim("length", max=12)
    space = WeightSpace.trace(Net(), x=X, dynamic_shapes={"x": {1: length}})
    assert space.free == ("a",)
