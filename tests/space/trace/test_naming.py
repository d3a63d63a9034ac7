"""Names for axes: after the module whose outputs they are, unique, and never mistaken for inputs or outputs."""

import pytest
import torch
from torch import nn

from tests.space.nets.architectures import BY_NAME, traced
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace, format_axes, parse_axes
from weightspace.space.algebra.dims import leaf, product_dim, sum_dim
from weightspace.space.trace.naming import Names, base_name


@pytest.mark.parametrize(
    ("tensor", "name"),
    [("conv1.weight", "conv1"), ("layer1.0.conv1.weight", "layer1.0.conv1"), ("0.weight", "h0"), ("table", "table"),
     ("3.1.bias", "h3.1"), ("a-b.weight", "a_b")],
)  # fmt: skip
def test_names_follow_the_module(tensor, name):
    assert base_name(tensor) == name


def test_names_are_unique():
    names, dims = Names(), [leaf(2), leaf(3), leaf(4)]
    names.name_leaves(dims[:1], "a", {})
    names.name_leaves(dims[1:], "a", {})
    assert len(set(names.free.values())) == 3
    names.name_fixed(leaf(5, True), "in")
    names.name_fixed(leaf(6, True), "in")
    assert list(names.fixed.values()) == ["in", "in2"]


def test_known_names_stay():
    names, dim = Names(), leaf(2)
    names.name_leaves([dim], "a", {})
    names.name_leaves([dim], "b", {})
    assert names.free == {dim: "a"}


def test_free_names_never_look_like_inputs():
    net = Code(lambda m, x: m.out(getattr(m, "in")(x)), **{"in": nn.Linear(3, 4), "out": nn.Linear(4, 2)})
    space = WeightSpace.trace(net, torch.randn(2, 3))
    assert format_axes(space.tensors["in.weight"].axes) == "in.n in"
    assert space.free == ("in.n",)


def test_composed_axes_are_written_out():
    a, b, names = leaf(2), leaf(3), Names()
    names.name_leaves([a], "a", {})
    names.name_leaves([b], "b", {})
    fixed = leaf(5, True)
    assert str(names.axis(product_dim([a, fixed, b]))) == "(a 5 b)"
    assert str(names.axis(sum_dim([a, product_dim([b, fixed])]))) == "(a + (b 5))"
    assert str(names.axis(fixed)) == "5"
    assert names.sizes() == {"a": (2, True), "b": (3, True)}


@pytest.mark.parametrize("name", list(BY_NAME))
def test_what_a_trace_writes_can_be_read(name):
    space = traced(name)
    sizes = {key: group.size for key, group in space.names.items()}
    for spec in space.tensors.values():
        assert parse_axes(format_axes(spec.axes), sizes) == spec.axes
