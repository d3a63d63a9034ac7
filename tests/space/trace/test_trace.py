"""Tracing: sound and complete on every architecture of the list, readable, and clear about what it can't do."""

import inspect
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.space.nets import layered, sequential
from tests.space.nets.architectures import ARCHITECTURES, BY_NAME, traced
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace, format_axes

NAMES = list(BY_NAME)


def axes_of(name):
    return {key: format_axes(spec.axes) for key, spec in traced(name).tensors.items()}


def test_every_builder_is_on_the_list():
    built = {a.build.__name__ for a in ARCHITECTURES}
    defined = {
        name
        for room in (layered, sequential)
        for name, value in vars(room).items()
        if inspect.isfunction(value) and value.__module__ == room.__name__
    }
    assert defined == built
    assert len(BY_NAME) == len(ARCHITECTURES)


@pytest.mark.parametrize("name", NAMES)
def test_sound_and_complete(name):
    space, report = traced(name), traced(name).report
    assert report.error < 1e-9
    assert report.sound
    assert report.moved == space.moved >= BY_NAME[name].moves
    assert report.change > 1e-2 or not space.free


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name):
    assert traced(name).report.lost == {}


@pytest.mark.parametrize("name", NAMES)
def test_right_at_once(name):
    """Two traces are equal, and verification had nothing to mend; some groups of matrices it finds by acting alone."""
    module, args = BY_NAME[name].make()
    again = WeightSpace.trace(module, *args, verify=False)
    proved = replace(traced(name), matrices=tuple(g for g in traced(name).matrices if g in again.matrices))
    assert again == proved
    assert again.hash == proved.hash


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_places_are_those_of_the_module(name):
    space, module = traced(name), BY_NAME[name].make()[0]
    state, buffers = module.state_dict(), {key for key, _ in module.named_buffers()}
    assert {key: tuple(t.shape) for key, t in state.items()} == {key: s.shape for key, s in space.tensors.items()}
    for key, spec in space.tensors.items():
        assert spec.dtype == str(state[key].dtype).removeprefix("torch.")
        assert spec.buffer == (key in buffers)
        assert all(site is None or site < len(space.sites) for site in (spec.target_site, *spec.source_sites))
        assert all(atom.name in space.names for atom in spec.atoms() if atom.name is not None)
        if spec.role == "weight":
            assert spec.target and spec.target_site is not None and not set(spec.target) & set(spec.source)


def test_module_and_its_weights_are_left_alone():
    module, args = BY_NAME["residual.train"].make()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    WeightSpace.trace(module, *args)
    assert module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


# ---- what is written ------------------------------------------------------------------------------------------------


def test_notation_of_an_mlp():
    expected = {"0.weight": "h0 in", "0.bias": "h0", "2.weight": "h2 h0", "2.bias": "h2", "4.weight": "out h2"}
    assert axes_of("mlp") == {**expected, "4.bias": "out"}


def test_notation_of_a_flatten():
    axes = axes_of("lenet")
    assert axes["3.weight"] == "h3 h0 3 3"
    assert axes["6.weight"] == "h6 (h3 3 3)"


def test_notation_of_heads():
    axes = axes_of("vit_block")
    queries = "(attn.qkv.heads attn.qkv.dim)"
    values = "(attn.qkv.heads attn.qkv.dim.2)"  # those of queries and keys move together, those of values by themselves
    assert axes["attn.qkv.weight"] == f"({queries} + {queries} + {values}) embed"
    assert axes["attn.proj.weight"] == f"embed {values}"
    assert axes["norm1.weight"] == axes["norm2.bias"] == axes["attn.proj.bias"] == "embed"


def test_notation_of_a_recurrence():
    axes = axes_of("gru_cell")
    assert axes["cell.weight_hh"] == "(cell + cell + cell) cell"
    assert axes["cell.bias_ih"] == "(cell + cell + cell)"


def test_notation_of_a_concatenation():
    axes = axes_of("dense")
    assert axes["c.weight"] == "c (a + b) 1 1"
    assert axes["n.running_var"] == "(a + b)"
    assert axes["o.weight"] == "out ((a + b + c) 4 4)"


def test_notation_of_groups_and_depthwise_kernels():
    axes = axes_of("grouped_transposed")
    assert axes["4.weight"] == axes["4.bias"] + " 1 3 3"
    assert traced("grouped_transposed").tensors["4.weight"].source == ()


def test_notation_of_experts():
    axes, spec = axes_of("soft_mixture"), traced("soft_mixture").tensors["w1"]
    assert axes["w1"].split()[:2] == axes["b1"].split()
    assert spec.target == (0, 1) and spec.source == (2,)


# ---- where neurons stand --------------------------------------------------------------------------------------------


def test_sites_of_an_mlp():
    space = traced("relu_mlp")
    first, last = space.tensors["0.weight"], space.tensors["2.weight"]
    kinds = [(space.sites[i].kind, space.sites[i].activation) for i in (first.source_sites[0], first.target_site)]
    assert kinds == [("input", "none"), ("hidden", "relu")]
    assert last.source_sites == (first.target_site,)
    assert space.sites[last.target_site].kind == "output"
    assert [space.sites[i].depth for i in (first.source_sites[0], first.target_site, last.target_site)] == [0, 1, 2]


def test_a_residual_stream_is_one_name_at_several_sites():
    space = traced("residual")
    stem, conv2 = space.tensors["stem.weight"], space.tensors["conv2.weight"]
    assert stem.axes[0] == conv2.axes[0]
    assert stem.target_site != conv2.target_site
    assert any(link.kind == "residual" and stem.target_site == link.source for link in space.links)


def test_slots_of_a_norm():
    tensors = traced("residual").tensors
    slots = [tensors[f"n1.{word}"].slot for word in ("weight", "bias", "running_mean", "running_var")]
    assert slots == ["scale", "shift", "mean", "var"]
    assert tensors["n1.num_batches_tracked"].role == "other"


def test_settings_of_a_convolution():
    settings = traced("grouped_transposed").tensors["2.weight"].settings
    assert settings["transposed"] and settings["groups"] == 2
    assert settings["kernel"] == [4, 4] and settings["stride"] == [2, 2]


# ---- inputs and outputs of any shape --------------------------------------------------------------------------------


def test_tied_tensors_are_one():
    tensors = traced("tied").tensors
    assert tensors["embed.weight"].axes == tensors["head.weight"].axes


def test_keyword_inputs():
    torch.manual_seed(0)
    net = Code(lambda m, x, *, scale: m.b(m.a(x).relu() * scale), a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    space = WeightSpace.trace(net, torch.randn(2, 3), scale=torch.rand(2, 1))
    assert space.free == ("a",) and space.report.sound


def test_unused_parameters_are_fixed_unless_asked_otherwise():
    assert format_axes(traced("tied").tensors["unused.weight"].axes) == "4 3"
    assert traced("tied").report.unread["unused.weight"] == "read nowhere"
    module, args = BY_NAME["tied"].make()
    space = WeightSpace.trace(module, *args, free_unused=True)
    assert format_axes(space.tensors["unused.weight"].axes).startswith("unused")
    assert space.names[space.tensors["unused.bias"].axes[0].name].free


def test_hidden_constants_fix_what_they_touch():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
            self.register_buffer("mask", torch.tensor([1.0, 2.0, 3.0, 4.0]), persistent=False)

        def forward(self, x):
            return self.b(self.a(x) * self.mask)

    assert WeightSpace.trace(Masked(), torch.randn(2, 3)).free == ()


def test_operators_without_a_rule_are_named(monkeypatch):
    from weightspace.space.rules import RULES
    from weightspace.space.trace.reader import Reader

    module, args = BY_NAME["relu_mlp"].make()
    monkeypatch.delitem(RULES, "aten.linear")
    monkeypatch.setattr(Reader, "_decompose", lambda *_: None)
    space = WeightSpace.trace(module, *args)
    assert space.free == () and space.report.sound
    assert set(space.report.lost["aten.linear"]) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_code_that_export_refuses():
    def forward(m, x):
        if x.sum() > 0:
            return m.a(x)
        return m.a(-x)

    with pytest.raises(ValueError, match=r"can't be traced, because torch\.export refuses") as caught:
        WeightSpace.trace(Code(forward, a=nn.Linear(3, 2)), torch.randn(2, 3))
    assert "test_trace.py:" in str(caught.value) and "if x.sum() > 0:" in str(caught.value)
    assert "WeightSpace.parse(" in str(caught.value)


class WritesItsWeights(nn.Module):
    """Halves a weight at every call."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 2)

    def forward(self, x):
        with torch.no_grad():
            self.first.weight.mul_(0.5)
        return self.last(torch.tanh(self.first(x)))


def test_parameters_that_the_code_writes_still_move():
    net = WritesItsWeights()
    before = net.first.weight.detach().clone()
    space = WeightSpace.trace(net, torch.randn(2, 3))
    assert space.report.sound and space.report.failed == ()
    assert space.names["first"].free and space.report.moved > 0.9
    assert torch.equal(net.first.weight, before)


def test_a_module_without_parameters():
    space = WeightSpace.trace(nn.ReLU(), torch.randn(2, 3))
    assert not space.tensors and space.free == () and space.report.sound
