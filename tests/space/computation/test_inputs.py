"""The proof draws inputs of its own, so that what is true for the example's values or sizes alone is caught."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation.inputs import with_one_more, with_one_sample, with_samples, with_sizes, with_values


def net(function, bias=True):
    torch.manual_seed(0)
    return Code(function, a=nn.Linear(5, 8, bias=bias), b=nn.Linear(8, 2, bias=bias))


def actions(space):
    return {(action.name, action.kind) for action in space.actions}


VALUES = {
    "whole numbers": (lambda m, x: m.b(m.a(x).relu().int().to(x)), torch.zeros(3, 5), "scale"),
    "yes and no": (lambda m, x: m.b((m.a(x).relu().bool()).to(x) + m.a(x) * 0), torch.zeros(3, 5), "sign"),
    "count": (lambda m, x: m.b(m.a(x) * torch.linalg.vector_norm(m.a(x), ord=0, dim=0)), torch.zeros(3, 5), "none"),
    "small exponent": (lambda m, x: m.b(m.a(x).abs() ** 0.004), torch.zeros(3, 5), "scale"),
    "irrational exponent": (lambda m, x: m.b(m.a(x).abs() ** 3.14159265), torch.ones(3, 5), "scale"),
    "deviation": (lambda m, x: m.b(m.a(x).tanh() * m.a(x).tanh().std(-1, keepdim=True)), torch.zeros(3, 5), "sign"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("bias", [True, False])
def test_what_holds_for_the_examples_values_alone_is_not_claimed(name, bias):
    function, x, kind = VALUES[name]
    for verify in (False, True):  # the rules themselves are right, and the proof doesn't need them to be
        space = WeightSpace.trace(net(function, bias), x, verify=verify)
        assert ("a", kind) not in actions(space)
    assert space.report.sound and not space.report.failed


def test_a_wrong_rule_is_caught_on_a_degenerate_example(monkeypatch):
    from weightspace.space.rules import RULES

    monkeypatch.setitem(RULES, "aten.gelu", lambda t, value, *_, **__: t.pointwise("equal", value))
    module = net(lambda m, x: m.b(torch.nn.functional.gelu(m.a(x))), bias=False)
    assert ("a", "scale") in actions(WeightSpace.trace(module, torch.zeros(3, 5), verify=False))
    space = WeightSpace.trace(module, torch.zeros(3, 5))
    assert actions(space) == set() and space.free == ("a",)


BRANCHES = {
    "long": lambda x: x.shape[1] >= 6, "odd": lambda x: x.shape[1] % 2, "one sample": lambda x: len(x) == 1,
}  # fmt: skip


@pytest.mark.parametrize("name", BRANCHES)
def test_code_that_branches_on_a_size_is_caught(name):
    def forward(m, x):
        h = m.a(x).relu()
        return m.b(h * torch.arange(8.0) if BRANCHES[name](x) else h)

    space = WeightSpace.trace(net(forward), torch.randn(2, 4, 5))
    assert space.free == () and space.report.failed == ("a",)


def test_outputs_that_ignore_the_weights_prove_nothing():
    module = net(lambda m, x: x[:, :2] + 1e-20 * m.b(m.a(x).relu()))
    space = WeightSpace.trace(module, torch.randn(3, 5))
    assert space.free == () and space.report.failed == ("a",)


def test_neurons_of_one_tensor_alone_are_proved_too():
    module = Code(lambda m, x: m.b((m.a(x) @ (m.w @ m.w.T)).tanh()), a=nn.Linear(5, 8), b=nn.Linear(8, 2))
    module.w = nn.Parameter(torch.randn(8, 3))
    bare = WeightSpace.trace(module, torch.randn(3, 5), verify=False)
    alone = replace(bare, names={n: replace(g, free=g.free and g.size == 3) for n, g in bare.names.items()}, actions=())
    report = replace(alone, matrices=()).verify(module, torch.randn(3, 5))
    assert report.sound and report.failed == () and report.change > 1e-3


def test_subtracting_in_reverse_scales_the_right_operand():
    def forward(m, x):
        return m.b(torch.sin(torch.rsub(m.a(x), m.a(x) * 0, alpha=2)))

    assert WeightSpace.trace(net(forward), torch.randn(3, 5)).report.sound


def test_drawn_values():
    ints, floats = torch.tensor([[3, 5], [9, 4]]), torch.rand(2, 2) + 1
    mask, flags = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([True, False])
    (a, b, c, d), _ = with_values(((ints, floats, mask, flags), {}), seed=1)
    assert a.min() >= 3 and a.max() <= 9 and a.dtype == ints.dtype
    assert b.shape == floats.shape and not torch.equal(b, floats)
    assert torch.equal(c, mask) and torch.equal(d, flags)
    (positive,), _ = with_values(((floats,), {}), seed=1, negative=False)
    assert bool((positive >= 0).all())
    (constant,), _ = with_values(((torch.zeros(4),), {}), seed=1)
    assert len(constant.unique()) == 4


INPUTS = ((torch.rand(2, 6, 3), torch.rand(2, 6)), {})


def test_drawn_sizes():
    tried = [tuple(part.shape for part in args) for args, _ in with_sizes(INPUTS)]
    assert ((2, 12, 3), (2, 12)) in tried and ((2, 3, 3), (2, 3)) in tried
    assert ((2, 6, 6), (2, 6)) in tried and all(first[0] == 2 for first, _ in tried)
    more = [tuple(part.shape for part in args) for args, _ in with_one_more(INPUTS)]
    assert more == [((2, 7, 3), (2, 7)), ((2, 6, 4), (2, 6))]
    assert with_samples(((torch.rand(2, 3), torch.rand(3)), {})) is None
    assert not list(with_one_sample(((torch.rand(1, 3),), {})))
    (((alone, _), _),) = with_one_sample(INPUTS)
    assert torch.equal(alone, INPUTS[0][0][:1])
    (doubled,), _ = with_samples(((torch.rand(2, 3),), {}))
    assert doubled.shape == (4, 3)


def test_large_inputs_of_an_odd_size_are_halved_first():
    sizes = [given[0][0].shape[-1] for given in with_sizes(((torch.zeros(1, 3, 75, 75),), {}))]
    assert sizes[:2] == [37, 150] and 1 not in sizes


@pytest.mark.parametrize("sparse", [torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr])
@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_sparse_inputs_stay_as_they_are(sparse):
    class Graph(Code):
        def forward(self, x, edges):
            return self.o(torch.sparse.mm(edges, self.a(x).relu()))

    module = Graph(None, a=nn.Linear(5, 8), o=nn.Linear(8, 2))
    space = WeightSpace.trace(module, torch.randn(3, 5), sparse(torch.eye(3)))
    assert space.report.sound and not space.report.lost and len(space.free) == 1
