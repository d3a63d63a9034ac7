"""Functions entry by entry, written in many ways, with the kinds of symmetry that they let through."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.space.known.known import Known, between, code, linear

ONE, ZERO = torch.ones(()), torch.zeros(())


def _written(h: Tensor) -> Tensor:
    h = h.clone()
    h[h < 0] = 0
    return h


# One sign for each of six neurons, and nothing else.
SIGNED = {
    "hardtanh": F.hardtanh, "clamp": lambda h: h.clamp(-0.5, 0.5), "clip": lambda h: torch.clip(h, -1, 1),
    "fmod": lambda h: h.fmod(0.3), "symlog": lambda h: h.sign() * h.abs().log1p(), "tanhshrink": F.tanhshrink,
    "softsign": F.softsign, "hardshrink": F.hardshrink, "atan": torch.atan,
    "atan2 of one": lambda h: torch.atan2(h, ONE),
    "symexp": lambda h: h.sign() * (h.abs().exp() - 1), "bell": lambda h: h * torch.exp(-(h**2)), "sinh": torch.sinh,
    "copysign": lambda h: torch.copysign(h.abs().log1p(), h), "over size": lambda h: h / (1 + h.abs()),
    "rsqrt": lambda h: h * torch.rsqrt(1 + h * h), "round": torch.round, "frac": torch.frac, "trunc": torch.trunc,
    "sinc": torch.sinc, "cosh": torch.cosh, "i0": torch.i0, "gauss": lambda h: torch.exp(-h * h),
    "sech": lambda h: 1 / h.cosh(), "multiquadric": lambda h: (1 + h * h).sqrt(), "log size": lambda h: h.abs().log1p(),
    "ricker": lambda h: (1 - h * h) * torch.exp(-h * h / 2), "far from zero": lambda h: (h.abs() > 0.5).to(h),
    "snake with one": lambda h: h + torch.sin(h), "finer": lambda h: torch.sin((h.abs() + 1) * h),
    "sigmoid around zero": lambda h: h.sigmoid() - 0.5, "twice a sigmoid": lambda h: 1 - 2 * torch.sigmoid(-h),
    "half less a sigmoid": lambda h: 0.5 - h.sigmoid(), "hard sigmoid around zero": lambda h: F.hardsigmoid(h) - 0.5,
    "clamp by two": lambda h: torch.minimum(torch.maximum(h, -ONE), ONE),
    "clamp from above first": lambda h: h.clamp(max=0.5).clamp(min=-0.5),
    "rms": lambda h: h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6), "unit": lambda h: F.normalize(h, dim=-1),
    "unit rows": lambda h: F.normalize(h, dim=0), "gabor": lambda h: torch.cos(1.7 * h) * torch.exp(-h * h / 2),
}  # fmt: skip

# One scale for each of six neurons, and nothing else.
SCALED = {
    "mask": lambda h: h * (h > 0), "where": lambda h: torch.where(h > 0, h, 0.0), "written": _written,
    "where zeros": lambda h: torch.where(h > 0, h, torch.zeros_like(h)), "fill": lambda h: h.masked_fill(h < 0, 0.0),
    "clamp max": lambda h: h.clamp(max=0), "threshold": lambda h: F.threshold(h, 0.0, 0.0),
    "fmax": lambda h: torch.fmax(h, ZERO), "maximum": lambda h: torch.maximum(h, ZERO),
    "lerp": lambda h: torch.lerp(h.relu(), h, 0.2), "heaviside": lambda h: h * torch.heaviside(h, ZERO),
    "squared": lambda h: h.relu().square(), "cubed": lambda h: F.relu(h) ** 3, "root": lambda h: h.relu().sqrt(),
    "half of two": lambda h: (h + h.abs()) / 2, "by sign": lambda h: h * (h.sign() + 1) / 2,
    "leaky by hand": lambda h: h.relu() - 0.1 * (-h).relu(), "leaky maximum": lambda h: torch.max(h, 0.1 * h),
    "stacked": lambda h: torch.stack([h, torch.zeros_like(h)]).amax(0), "float mask": lambda h: h * (h > 0).float(),
    "both masks": lambda h: h * ((h > 0) & (h >= 0)), "not below": lambda h: h * (~(h < 0)),
    "sorted rows": lambda h: h.msort(), "median of rows": lambda h: h - h.quantile(0.5, 0, keepdim=True),
    "largest so far": lambda h: h.cummax(0)[0], "least of rows": lambda h: h - torch.aminmax(h, dim=0, keepdim=True)[0],
}  # fmt: skip

# A scale and a sign for each.
BOTH = {
    "cube": lambda h: h**3, "size": torch.abs, "square": torch.square, "root of size": lambda h: h.abs().sqrt(),
    "side": torch.sign, "sums of rows": lambda h: h.cumsum(0),
}  # fmt: skip

# A sign and half a turn for each.
TURNED = {
    "sine": torch.sin, "cosine": torch.cos, "double angle": lambda h: torch.sin(h) * torch.cos(h),
}  # fmt: skip


def _pair(function):
    return lambda m, x: m.o(function(m.a(x), m.b(x)))


def _two(function, **found: int) -> Known:
    return code(_pair(function), (6,), a=linear(3, 6), b=linear(3, 6), o=linear(6, 2), **found)


def _turned(m: nn.Module, x: Tensor) -> Tensor:
    h = m.a(x)
    return m.o(torch.cat([h.sin(), h.cos()], -1))


def _modulated(m: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    return m.o(torch.sin(m.a(x) + m.shift(z)))


def _filmed(m: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    return m.o(torch.sin(m.gain(z) * m.a(x) + m.shift(z)))


def _residual_sines(m: nn.Module, x: Tensor) -> Tensor:
    h = torch.sin(m.a(x))
    return m.o(h + torch.sin(m.b(h)))


def _features(m: nn.Module, x: Tensor) -> Tensor:
    z = F.linear(x, m.a.weight)
    return m.o(torch.cat([z.sin(), z.cos()], -1))


TWO = ((4, 3), (4, 5))
KINDS = {
    **{name: between(function, sign=6) for name, function in SIGNED.items()},
    **{name: between(function, scale=6) for name, function in SCALED.items()},
    **{name: between(function, scale=6, sign=6) for name, function in BOTH.items()},
    **{name: between(function, sign=6, phase=6) for name, function in TURNED.items()},
    "atan2": _two(torch.atan2, scale=6, sign=6), "hypot": _two(torch.hypot, scale=6, sign=12),
    "sign of another": _two(torch.copysign, scale=12, sign=12), "fmax of two": _two(torch.fmax, scale=6),
    "addcmul": _two(lambda h, g: torch.addcmul(h, h.detach(), g.sigmoid(), value=0.5), scale=6, sign=6),
    "addcdiv": _two(lambda h, g: torch.addcdiv(h, h.abs(), g.exp()), scale=6),
    "sine of a sum": between(lambda h: torch.sin(h + 0.5), phase=6),
    "sine and cosine": code(_turned, (6,), sign=6, phase=6, a=linear(3, 6), o=linear(12, 2)),
    "sine without a bias": code(lambda m, x: m.o(torch.sin(m.a(x))), (6,), sign=6, a=linear(3, 6, bias=False),
                                o=linear(6, 2)),
    "fourier features": code(_features, (6,), sign=6, a=linear(3, 6, bias=False), o=linear(12, 2)),
    "modulated sine": code(_modulated, (6,), TWO, sign=6, phase=6, a=linear(3, 6), shift=linear(5, 6), o=linear(6, 2)),
    "filmed sine": code(_filmed, (6,), TWO, scale=6, sign=12, phase=6, a=linear(3, 6), gain=linear(5, 6),
                        shift=linear(5, 6), o=linear(6, 2)),
    "residual sines": code(_residual_sines, (6,), sign=6, phase=12, a=linear(3, 6), b=linear(6, 6), o=linear(6, 2)),
}  # fmt: skip
