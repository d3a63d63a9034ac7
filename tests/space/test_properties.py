"""Randomly composed architectures: what is traced is a symmetry, and what is uncoupled from it is none."""

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.space.sequential import Attention
from weightspace.space import WeightSpace
from weightspace.space.axes import Atom, Product, Sum
from weightspace.space.parts import Group
from weightspace.space.trace.probe import Probe

WIDTH = 8
ACTIVATIONS = {
    "relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu, "sin": torch.sin, "none": lambda h: h,
    "mask": lambda h: h * (h > 0), "clamp": lambda h: h.clamp(-1, 1),
}  # fmt: skip


class Residual(nn.Module):
    """A block around which its input passes."""

    def __init__(self, inner, how):
        super().__init__()
        self.inner, self.how = inner, how

    def forward(self, x):
        y = self.inner(x)
        return x + y if self.how == "add" else torch.cat([x, y], -1) if self.how == "cat" else x * y.sigmoid()


class Mixed(nn.Module):
    """A convolution along the sequence."""

    def __init__(self, width, groups):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1, groups=groups)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


class Gated(nn.Module):
    """A gated unit back to its own width."""

    def __init__(self, width):
        super().__init__()
        self.into, self.out = nn.Linear(width, 12), nn.Linear(6, width)

    def forward(self, x):
        return self.out(F.glu(self.into(x)))


class Folded(nn.Module):
    """A group norm over the neurons of each place."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(2, width)

    def forward(self, x):
        return self.norm(x.flatten(0, 1)).view(x.shape)


class Positions(nn.Module):
    """A table of positions that is longer than the sequences that it is first traced with."""

    def __init__(self, width):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 12, width))

    def forward(self, x):
        return x + self.table[:, : x.shape[1]]


class Normed(nn.Module):
    """A batch norm over the neurons of all places."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class Recurrent(nn.Module):
    """Two layers that read the sequence, of which the second alone is read at all places."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.GRU(width, 5, 2, batch_first=True)
        self.out = nn.Linear(10, width)

    def forward(self, x):
        every, last = self.body(x)
        return self.out(torch.cat([every, last[0][:, None].expand_as(every)], -1))


class Chosen(nn.Module):
    """At each place the two largest neurons, and the expert with the largest score."""

    def __init__(self, width):
        super().__init__()
        self.route, self.experts = nn.Linear(width, 3), nn.Parameter(torch.randn(3, width, width))

    def forward(self, x):
        gain, place = self.route(x).softmax(-1).max(-1)
        winners = x * (x >= x.topk(2, -1)[0][..., 1:])
        return torch.einsum("bti,btoi->bto", winners, self.experts[place]) * gain[..., None]


class Stacked(nn.Module):
    """Two maps, one above the other, read apart and laid flat."""

    def __init__(self, width):
        super().__init__()
        self.one, self.other = nn.Linear(width, 5), nn.Linear(width, 5)
        self.flat, self.out = nn.Linear(10, width), nn.Linear(5, width)

    def forward(self, x):
        both = torch.stack([self.one(x), self.other(x)], 2)
        return self.flat(both.flatten(2).relu()) + self.out(both[:, :, 1])


class Waves(nn.Module):
    """Sine and cosine of a sum of two maps and a constant."""

    def __init__(self, width):
        super().__init__()
        self.one, self.other, self.out = nn.Linear(width, 4), nn.Linear(width, 4), nn.Linear(8, width)

    def forward(self, x):
        angle = self.one(x) + self.other(x.flip(1)) + 0.3
        return self.out(torch.cat([angle.sin(), angle.cos()], -1))


class Activation(nn.Module):
    """A function entry by entry."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, x):
        return ACTIVATIONS[self.name](x)


@dataclass(frozen=True)
class Plan:
    """What a random architecture is made of: (kind, detail) of each block, and how it ends."""

    blocks: tuple[tuple[str, str], ...]
    end: str


def build(plan: Plan) -> nn.Module:
    """A module for inputs ``[2, 4, 3]``."""
    torch.manual_seed(0)
    width, parts = WIDTH, [nn.Linear(3, WIDTH)]
    for kind, detail in plan.blocks:
        block = {
            "linear": lambda w: nn.Linear(w, w), "conv": lambda w: Mixed(w, 1), "grouped": lambda w: Mixed(w, 2),
            "depthwise": lambda w: Mixed(w, w), "norm": nn.LayerNorm, "rms": nn.RMSNorm, "groups": Folded, "glu": Gated,
            # without what passes around it, attention makes all places alike, and then its scores don't matter
            "attention": lambda w: Residual(Attention(w, 2), "add"), "positions": Positions, "batch norm": Normed,
            "recurrent": Recurrent, "chosen": Chosen, "stacked": Stacked, "waves": Waves,
        }[kind](width)  # fmt: skip
        if detail in ACTIVATIONS:
            parts += [block, Activation(detail)]
        else:
            parts.append(Residual(block, detail))
            width *= 2 if detail == "cat" else 1
    flat = [nn.Flatten(), nn.Linear(4 * width, 2)] if plan.end == "flatten" else [nn.Linear(width, 2)]
    return nn.Sequential(*parts, *flat).double()


KINDS = ["linear", "conv", "grouped", "depthwise", "norm", "rms", "groups", "glu", "attention", "recurrent", "chosen"]
KINDS += ["stacked", "waves"]
BLOCKS = st.tuples(st.sampled_from(KINDS), st.sampled_from([*ACTIVATIONS, "add", "cat", "times"]))
PLANS = st.builds(Plan, st.lists(BLOCKS, min_size=1, max_size=4).map(tuple), st.sampled_from(["flatten", "each place"]))
ENOUGH = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


def inputs():
    return torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def check(plan: Plan, seed: int) -> None:
    module, x = build(plan), inputs()
    space = WeightSpace.trace(module, x, verify=False)
    probe, generator = Probe(module, (x,), {}), torch.Generator().manual_seed(seed)
    for kinds in (("permutation",), ("permutation", "scale", "sign", "phase")):
        assert probe.error(space, space.random_symmetry(generator, kinds)) < 1e-9
    for tensor, name in uncoupled_places(space):
        wrong = uncouple(space, tensor, name)
        assert probe.error(wrong, swap(wrong, name)) > 1e-9, f"{name} of {tensor} may be moved by itself"


def uncoupled_places(space):
    """One tensor for each free name, the last that bears it."""
    found = {}
    for tensor, spec in space.tensors.items():
        found.update({atom.name: tensor for atom in spec.atoms() if atom.name in space.free})
    return [(tensor, name) for name, tensor in found.items() if space.names[name].size > 1]


def uncouple(space, tensor, name):
    """The space in which one tensor bears another name, which is fixed."""
    spec = space.tensors[tensor]
    axes = tuple(renamed(axis, name) for axis in spec.axes)
    names = {**space.names, "alone": Group(space.names[name].size, False, ())}
    return replace(space, tensors={**space.tensors, tensor: replace(spec, axes=axes)}, names=names, actions=())


def renamed(axis, name):
    if isinstance(axis, Atom):
        return Atom("alone", axis.size) if axis.name == name else axis
    parts = tuple(renamed(part, name) for part in (axis.factors if isinstance(axis, Product) else axis.terms))
    return Product(parts) if isinstance(axis, Product) else Sum(parts)


def swap(space, name):
    """The symmetry that turns the neurons of one name around."""
    drawn = space.random_symmetry(torch.Generator().manual_seed(0))
    order = torch.arange(space.names[name].size).roll(1)
    return replace(drawn, permutations={name: order})


@settings(max_examples=25, **ENOUGH)
@given(PLANS, st.integers(0, 9))
def test_random_architectures(plan, seed):
    check(plan, seed)


@pytest.mark.slow
@settings(max_examples=100, **ENOUGH)
@given(PLANS, st.integers(0, 9))
def test_many_random_architectures(plan, seed):
    check(plan, seed)


VARIED = st.tuples(st.sampled_from([*KINDS, "positions", "batch norm"]), st.sampled_from([*ACTIVATIONS, "add", "cat"]))


@settings(max_examples=15, **ENOUGH)
@given(st.lists(VARIED, min_size=1, max_size=4), st.booleans(), st.integers(0, 9))
def test_what_is_found_holds_for_other_lengths_values_and_in_the_other_mode(blocks, train, seed):
    module = build(Plan(tuple(blocks), "each place")).train(train)
    space = WeightSpace.trace(module, inputs(), verify=False)
    generator = torch.Generator().manual_seed(seed)
    longer = 5 * torch.randn(3, 7, 3, generator=generator, dtype=torch.float64) - 1
    for mode in ("train", "eval"):
        wider = space.in_mode(mode)
        probe = Probe(module.train(mode == "train"), (longer,), {}, others=False)
        symmetry = wider.random_symmetry(generator, ("permutation", "scale", "sign", "phase"))
        assert probe.error(wider, symmetry) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("detail", ["add", "cat"])
def test_every_block(kind, detail):
    check(Plan(((kind, detail), (kind, "tanh"), ("linear", "relu")), "flatten"), 0)


def test_random_architectures_have_something_to_move():
    plan = Plan((("attention", "add"), ("conv", "cat"), ("glu", "add")), "flatten")
    space = WeightSpace.trace(build(plan), inputs())
    assert len(space.free) >= 4 and space.moved > 0.95 and space.report.change > 1e-2
