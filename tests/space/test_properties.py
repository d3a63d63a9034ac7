"""Randomly composed architectures: what is traced is a symmetry, and what is uncoupled from it is none."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.space.nets.blocks import ACTIVATIONS, MAKERS, Activation, Residual
from weightspace.space import WeightSpace
from weightspace.space.axes import Atom, Product, Sum
from weightspace.space.computation.probe import Probe
from weightspace.space.parts import Group

WIDTH = 8


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
        block = MAKERS[kind](width)
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
