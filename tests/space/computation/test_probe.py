"""What a module is put through before its outputs are compared: float64, general position, no dropout."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.architectures import BY_NAME, traced
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation.probe import Probe


def casts(m, x):
    h = m.a(x).float().relu()
    return m.b(h.to(torch.float32).half().double().to(dtype=torch.bfloat16).type_as(x))


def makes_short_tensors(m, x):
    return m.b(torch.zeros(8, dtype=torch.float32) + m.a(x).relu() * torch.ones(8))


@pytest.mark.parametrize("forward", [casts, makes_short_tensors])
def test_code_that_casts_is_still_compared_in_float64(forward):
    net = Code(forward, a=nn.Linear(3, 8), b=nn.Linear(8, 2))
    report = Probe(net, (torch.randn(4, 3),), {})
    assert all(output.dtype == torch.float64 for output in report.outputs)
    space = WeightSpace.trace(
        Code(lambda m, x: m.b(m.a(x).relu()), a=nn.Linear(3, 8), b=nn.Linear(8, 2)), torch.ones(1, 3)
    )
    assert report.error(space, space.random_symmetry(torch.Generator().manual_seed(0))) < 1e-12


def test_the_default_type_is_put_back():
    Probe(nn.Linear(2, 2), (torch.ones(1, 2),), {})
    assert torch.get_default_dtype() == torch.float32


def test_constant_tensors_and_statistics_are_drawn_and_the_module_is_not():
    net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8))
    nn.init.zeros_(net[0].bias)
    probe = Probe(net, (torch.randn(4, 3),), {})
    drawn = ("0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")
    assert all(len(probe.weights[name].unique()) == 8 for name in drawn)
    assert bool((probe.weights["1.running_var"] > 0).all()) and bool((probe.weights["1.weight"] > 0).all())
    assert torch.equal(probe.weights["0.weight"], net[0].weight.double())
    assert not net[0].bias.any() and torch.equal(net[1].running_var, torch.ones(8))


def test_wrong_statistics_do_not_pass_because_they_are_ones():
    net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).eval()
    axes = {"0.weight": "h in", "0.bias": "h", "1.weight": "h", "1.bias": "h", "1.running_mean": "h"}
    axes |= {"1.running_var": "8", "1.num_batches_tracked": "", "3.weight": "out h", "3.bias": "out"}
    space = WeightSpace.parse(axes, sizes={"h": 8, "in": 3, "out": 2})
    assert space.verify(net, torch.randn(4, 3)).failed == ("h",)


def test_dropout_is_off_in_train_mode():
    net = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    probe = Probe(net, (torch.randn(4, 3),), {})
    assert torch.equal(probe.run(probe.weights)[0], probe.outputs[0])
    assert net[1].p == 0.5 and net[1].training


class Attention(nn.Module):
    """Heads whose dropout is a number of their own, handed to a function."""

    def __init__(self):
        super().__init__()
        self.qkv, self.o, self.attention_dropout = nn.Linear(3, 24), nn.Linear(8, 2), 0.5

    def forward(self, x):
        q, k, v = (part.view(2, 5, 2, 4).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        rate = self.attention_dropout if self.training else 0.0
        return self.o(F.scaled_dot_product_attention(q, k, v, dropout_p=rate).transpose(1, 2).flatten(2))


def test_dropout_inside_attention_is_off_in_proofs():
    net, x = Attention().train(), torch.randn(2, 5, 3)
    assert not torch.equal(net(x), net(x))
    probe = Probe(net, (x,), {})
    assert torch.equal(probe.run(probe.weights)[0], probe.outputs[0])
    assert net.attention_dropout == 0.5 and net.training
    for mode in (True, False):
        report = WeightSpace.trace(net.train(mode), x).report
        assert report.sound and not report.failed and not report.notes
        assert {case.rpartition(" ")[2] for case in report.cases} == {"train", "eval"}


@pytest.mark.parametrize("function", [F.dropout, F.alpha_dropout, lambda h: torch.dropout(h, 0.5, True)])
def test_dropout_in_functional_code_is_off(function):
    net = Code(lambda m, x: m.b(function(m.a(x))), a=nn.Linear(3, 8), b=nn.Linear(8, 2))
    space = WeightSpace.trace(net, torch.randn(4, 3))
    assert space.free == ("a",) and space.report.sound and space.report.failed == ()


def test_buffers_that_a_pass_writes_are_written_on_copies():
    module, args = BY_NAME["residual.train"].make()
    probe = Probe(module, args, {})
    before = {name: tensor.clone() for name, tensor in probe.weights.items()}
    probe.run(probe.weights)
    assert all(torch.equal(before[name], tensor) for name, tensor in probe.weights.items())


def test_an_infinite_output_that_moves_is_an_error():
    net = Code(lambda m, x: m.a(x).log(), a=nn.Linear(3, 2))
    net.a.bias.data = torch.tensor([99.0, -99.0])  # the logarithm of the second is no number
    probe = Probe(net, (torch.randn(4, 3),), {})
    wrong = WeightSpace.parse({"a.weight": "o in", "a.bias": "o"}, sizes={"o": 2, "in": 3})
    swap = wrong.random_symmetry()
    swap.permutations["o"].copy_(torch.tensor([1, 0]))
    assert probe.error(wrong, swap) == float("inf")
    assert probe.error(wrong, wrong.identity()) == 0


@pytest.mark.parametrize("name", ["lenet", "vit_block", "gru", "tied"])
def test_moving_each_tensor_by_itself_changes_the_outputs(name):
    module, args = BY_NAME[name].make()
    assert Probe(module, args, {}).change(traced(name)) > 1e-2
