"""Code that branches on sizes far from the example's: the other way is found and proved too."""

import pytest
import torch
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation import probe
from weightspace.space.computation.branches import with_branches

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


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_holds_on_short_inputs_only_is_fixed(name, monkeypatch):
    condition, begins = CONDITIONS[name]
    lengths = [inputs[0][0].shape[1] for inputs in with_branches(net(condition), ((X,), {}))]
    assert begins in lengths
    space = WeightSpace.trace(net(condition), X)
    assert space.free == () and space.report.failed == ("a",)
    assert "a branch, train" in space.report.cases
    monkeypatch.setattr(probe, "with_branches", lambda module, inputs: [])
    assert WeightSpace.trace(net(condition), X).free == ("a",)  # wrong: nothing else tries such lengths


def test_a_branch_that_keeps_the_symmetry_costs_nothing():
    forward = lambda m, x: m.o(m.a(x).relu() if x.shape[1] < 40 else m.a(x).tanh())  # noqa: E731
    space = WeightSpace.trace(Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), X)
    assert space.free == ("a",) and space.report.failed == ()
    assert space.names["a"].kinds == ("permutation",)  # neither scales, on the one side, nor signs, on the other


def test_conditions_that_mean_nothing_for_some_sizes():
    blocks = lambda m, x: m.o(m.a(x).relu()) if 16 % (x.shape[1] // 3) == 0 else m.a(x)[..., :2]  # noqa: E731
    net = Code(blocks, a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    assert [inputs[0][0].shape[1] // 3 for inputs in with_branches(net, ((X,), {}))] != []


def test_named_inputs_and_code_that_cannot_be_read_so():
    net = Code(lambda m, length: m.o(m.a(length).relu()), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    named = {"length": X}
    assert all(inputs[0] == () and inputs[1]["length"].shape != X.shape for inputs in with_branches(net, ((), named)))
    reads = Code(lambda m, x: m.o(m.a(x)) if x.sum() > 1e9 else m.a(x), a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    assert list(with_branches(reads, ((X,), {}))) == []


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
