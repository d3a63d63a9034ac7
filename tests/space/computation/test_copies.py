"""Tensors that share memory, and modules that are left as they are."""

import torch
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace
from weightspace.space.computation.copies import find_ties

X = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))


def shared():
    torch.manual_seed(0)
    return Code(
        lambda m, x: m.o(torch.tanh(m.b(torch.tanh(m.a(x))))), a=nn.Linear(5, 8), b=nn.Linear(8, 8), o=nn.Linear(8, 2)
    )


def test_a_transposed_view_is_the_same_tensor():
    net = Code(lambda m, x: m.o(torch.tanh(m.up(torch.tanh(m.down(x))))), down=nn.Linear(5, 8), up=nn.Linear(8, 5),
               o=nn.Linear(5, 2))  # fmt: skip
    net.up.weight = nn.Parameter(net.down.weight.detach().t())
    assert find_ties(dict(net.named_parameters()))["up.weight"].order == (1, 0)
    space = WeightSpace.trace(net, X)
    assert space.report.sound and not space.report.failed
    down, up = space.tensors["down.weight"].axes, space.tensors["up.weight"].axes
    assert down == up[::-1] and down[1].name != "h" and not space.names[str(up[0])].free  # the inputs are fixed
    moved = space.apply(space.random_symmetry(kinds=("permutation", "sign")), dict(net.state_dict()))
    assert torch.equal(moved["up.weight"], moved["down.weight"].t())


def test_memory_shared_by_data_ties_two_parameters():
    net = shared()
    net.b.bias.data = net.a.bias.data
    space = WeightSpace.trace(net, X)
    assert space.tensors["a.bias"].axes == space.tensors["b.bias"].axes
    assert space.report.sound and not space.report.failed
    moved = space.apply(space.random_symmetry(kinds=("permutation", "sign")), dict(net.state_dict()))
    assert torch.equal(moved["a.bias"], moved["b.bias"])


def test_tensors_that_overlap_in_another_way_are_fixed():
    net = shared()
    both = torch.randn(12)
    net.a.bias.data, net.b.bias.data = both[:8], both[4:]
    assert find_ties(dict(net.named_parameters()))["b.bias"].order is None
    space = WeightSpace.trace(net, X)
    assert space.free == () and space.report.sound


def test_pieces_of_one_memory_that_do_not_overlap_are_free():
    net = shared()
    both = torch.randn(16)
    net.a.bias.data, net.b.bias.data = both[:8], both[8:]
    assert not find_ties(dict(net.named_parameters()))
    assert set(WeightSpace.trace(net, X).free) == {"a", "b"}


class Remembers(nn.Module):
    """Keeps what it computed, and computes in evaluation with what it kept."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.kept, self.cache = nn.Linear(5, 8), nn.Linear(8, 2), None, {}

    def forward(self, x):
        if self.training or "w" not in self.cache:
            self.cache["w"] = self.a.weight.tanh()
        self.kept = x @ self.cache["w"].t() + self.a.bias
        return self.b(self.kept.relu())


def test_what_code_sets_on_its_module_stays_away_from_it():
    net = Remembers().eval()
    space = WeightSpace.trace(net, X)
    assert net.kept is None and net.cache == {}
    assert space.free == ("a",) and space.report.sound and not space.report.failed


class ExtraState(nn.Module):
    """Saves a tensor that is neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.gain = nn.Linear(5, 8), nn.Linear(8, 2), torch.rand(8)

    def forward(self, x):
        return self.b(self.a(x).relu() * self.gain)

    def get_extra_state(self):
        return self.gain

    def set_extra_state(self, state):
        self.gain = state


def test_extra_state_is_fixed():
    space = WeightSpace.trace(ExtraState(), X, free_unused=True)
    assert str(space.tensors["_extra_state"].axes[0]) == "8" and space.free == ()
