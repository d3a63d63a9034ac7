"""Which scales, signs and phases are found: no more than hold (`test_trace` proves it), and no fewer."""

from math import pi

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace


def kinds(function, **parts):
    """The kinds of symmetry of the neurons between two layers; nothing had to be mended by verification."""
    net = Code(lambda m, x: m.b(function(m, m.a(x))), a=nn.Linear(3, 8), b=nn.Linear(8, 2), **parts)
    bare, sound = (WeightSpace.trace(net, torch.randn(4, 3), verify=verify) for verify in (False, True))
    assert bare == sound and sound.report.sound
    return set(bare.names["a"].kinds) - {"permutation"}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (F.relu, {"scale"}),
        (F.leaky_relu, {"scale"}),
        (lambda h: h, {"scale", "sign"}),
        (lambda h: h.clamp(min=0), {"scale"}),
        (torch.tanh, {"sign"}),
        (torch.asinh, {"sign"}),
        (torch.sin, {"sign", "phase"}),
        (lambda h: torch.sin(30 * h), {"sign", "phase"}),
        (lambda h: torch.tanh(torch.sin(h)), {"sign", "phase"}),
        (lambda h: torch.cos(h) + h, set()),
        (F.gelu, set()),
        (F.silu, set()),
        (torch.sigmoid, set()),
        (lambda h: h + 1, set()),
        (lambda h: h * 2, {"scale", "sign"}),
        (lambda h: h**2, {"scale", "sign"}),
        (lambda h: h**3, {"scale", "sign"}),
        (lambda h: h.abs(), {"scale", "sign"}),
        (lambda h: h + h.relu(), {"scale"}),
        (lambda h: h + h.tanh(), {"sign"}),
        (lambda h: h.relu() * h.sigmoid(), set()),
        (lambda h: F.layer_norm(h, (8,)), set()),
        (lambda h: F.normalize(h, dim=0), {"sign"}),
        (lambda h: h / (h.sum(-1, keepdim=True) + 9), set()),
    ],
)
def test_kinds_of_a_function(function, expected):
    assert kinds(lambda m, h: function(h)) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (nn.BatchNorm1d(8, affine=True).eval(), {"scale", "sign"}),
        (nn.LayerNorm(8), {"scale", "sign"}),
        (nn.RMSNorm(8), {"scale", "sign"}),
        (nn.PReLU(8), {"scale"}),
        (nn.PReLU(), {"scale"}),
        (nn.Sequential(nn.LayerNorm(8), nn.ReLU()), {"scale"}),
        (nn.Sequential(nn.LayerNorm(8), nn.GELU()), set()),
    ],
)
def test_kinds_of_a_module(part, expected):
    assert kinds(lambda m, h: m.part(h), part=part) == expected


def test_what_a_relu_scale_acts_on():
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    (action,) = WeightSpace.trace(net, torch.randn(4, 3)).actions
    assert (action.name, action.kind) == ("h0", "scale")
    assert action.powers == {"0.weight": ((0, 0, 1),), "0.bias": ((0, 0, 1),), "2.weight": ((1, 0, -1),)}


@pytest.mark.parametrize("frequency", [1.0, 30.0, -2.5])
def test_half_a_turn_of_a_sine(frequency):
    net = Code(lambda m, x: m.b(torch.sin(frequency * m.a(x))), a=nn.Linear(3, 8), b=nn.Linear(8, 2))
    space = WeightSpace.trace(net, torch.randn(4, 3))
    (phase,) = [action for action in space.actions if action.kind == "phase"]
    assert phase.powers == {"b.weight": ((1, 0, 1),)}
    assert phase.shifts["a.bias"] == pytest.approx(pi / frequency)


def test_no_phase_without_a_bias_of_its_own():
    bare = Code(lambda m, x: m.b(torch.sin(m.a(x))), a=nn.Linear(3, 8, bias=False), b=nn.Linear(8, 2))
    assert WeightSpace.trace(bare, torch.randn(4, 3)).names["a"].kinds == ("permutation", "sign")
    twice = Code(lambda m, x: m.b(torch.sin(m.a(x)) + m.a.bias), a=nn.Linear(3, 8), b=nn.Linear(8, 2))
    assert WeightSpace.trace(twice, torch.randn(4, 3)).names["a"].kinds == ("permutation", "sign")


def test_a_residual_stream_of_relus_scales_as_one():
    net = Code(
        lambda m, x: m.o((m.s(x) + m.b(m.a(m.s(x)).relu())).relu()),
        s=nn.Linear(3, 8), a=nn.Linear(8, 6), b=nn.Linear(6, 8), o=nn.Linear(8, 2),
    )  # fmt: skip
    space = WeightSpace.trace(net, torch.randn(4, 3))
    stream, inner = [action for action in space.actions if action.kind == "scale"]
    assert {name for name, powers in stream.powers.items() if powers[0][2] == 1} == {
        "s.weight",
        "s.bias",
        "b.weight",
        "b.bias",
    }
    assert set(inner.powers) == {"a.weight", "a.bias", "b.weight"}
