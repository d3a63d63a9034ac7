"""Architectures whose symmetry group is known by construction, to measure how much of it is found."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.space.known.kinds import KINDS
from tests.space.known.known import Known
from tests.space.known.names import NAMES
from tests.space.known.operators import OPERATORS
from tests.space.nets import layered, sequential
from tests.space.nets.layered import Code


def _mlp(activation: Any, layers: int = 2, norm: Any = None) -> Any:
    def build() -> tuple[nn.Module, tuple[Tensor, ...]]:
        parts: list[nn.Module] = [nn.Linear(3, 6), *([norm(6)] if norm else []), activation()]
        for _ in range(layers - 1):
            parts += [nn.Linear(6, 6), *([norm(6)] if norm else []), activation()]
        return nn.Sequential(*parts, nn.Linear(6, 2)), (torch.randn(4, 3),)

    return build


def _code(function: Any, x: tuple[int, ...] = (4, 3), **parts: Any) -> Any:
    return lambda: (Code(function, **{name: part() for name, part in parts.items()}), (torch.randn(*x),))


def _linear(one: int, other: int) -> Any:
    return lambda: nn.Linear(one, other)


def _recurrent(kind: Any, layers: int, both: bool = False) -> Any:
    def last(m: Any, x: Tensor) -> Tensor:
        state = m.rnn(x)[1]
        state = state[0] if isinstance(state, tuple) else state
        return m.o(torch.cat([state[-2], state[-1]], -1) if both else state[-1])

    rnn = lambda: kind(3, 4, layers, bidirectional=both, batch_first=True)  # noqa: E731
    return _code(last, (2, 5, 3), rnn=rnn, o=_linear(8 if both else 4, 2))


def _attention(m: Any, x: Tensor) -> Tensor:
    h = m.embed(x)
    q, k, v = m.qkv(F.layer_norm(h, (8,))).view(*h.shape[:2], 3, 2, 4).permute(2, 0, 3, 1, 4)
    h = h + m.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    return m.o(h + m.down(F.gelu(m.up(F.layer_norm(h, (8,))))))


def _resnet(m: Any, x: Tensor) -> Tensor:
    h = F.relu(m.stem(x))
    return m.o(F.relu(h + m.two(F.relu(m.one(h)))).mean((2, 3)))


def _conv(one: int, other: int, size: int = 3, **settings: Any) -> Any:
    return lambda: nn.Conv2d(one, other, size, padding=size // 2, **settings)


SMALL = {
    "relu": Known(_mlp(nn.ReLU), (6, 6), scale=12), "tanh": Known(_mlp(nn.Tanh), (6, 6), sign=12),
    "gelu": Known(_mlp(nn.GELU), (6, 6)), "deep relu": Known(_mlp(nn.ReLU, 5), (6,) * 5, scale=30),
    "sine": Known(layered.siren, (8, 8), sign=16, phase=16), "leaky": Known(_mlp(nn.LeakyReLU), (6, 6), scale=12),
    "hardtanh": Known(_mlp(nn.Hardtanh), (6, 6), sign=12), "identity": Known(_mlp(nn.Identity, 1), (6,), 6, 6),
    "softshrink": Known(_mlp(nn.Softshrink), (6, 6), sign=12), "silu": Known(_mlp(nn.SiLU), (6, 6)),
    "layer norm": Known(_mlp(nn.ReLU, 2, nn.LayerNorm), (6, 6), scale=12),
    "rms norm": Known(_mlp(nn.ReLU, 2, nn.RMSNorm), (6, 6), scale=12, sign=12),
    "batch norm": Known(_mlp(nn.ReLU, 2, nn.BatchNorm1d), (6, 6), scale=12),
    "lenet": Known(layered.lenet, (4, 6, 8), scale=18),
    "resnet": Known(_code(_resnet, (2, 3, 6, 6), stem=_conv(3, 6), one=_conv(6, 5), two=_conv(5, 6), o=_linear(6, 2)),
                    (6, 5), scale=11),
    "depthwise": Known(_code(lambda m, x: m.o(m.b(m.a(x).relu()).relu()), (2, 3, 6, 6), a=_conv(3, 6),
                             b=_conv(6, 6, groups=6), o=_conv(6, 2, 1)), (6,), scale=12),
    "attention": Known(_code(_attention, (2, 5, 3), embed=_linear(3, 8), qkv=_linear(8, 24), proj=_linear(8, 8),
                             up=_linear(8, 12), down=_linear(12, 8), o=_linear(8, 2)), (8, 2, 4, 4, 12),
                       scale=12, sign=12),
    "lstm": Known(_recurrent(nn.LSTM, 1), (4,), sign=4), "lstm 3": Known(_recurrent(nn.LSTM, 3), (4,) * 3, sign=12),
    "gru 2": Known(_recurrent(nn.GRU, 2), (4, 4), sign=8), "rnn 2": Known(_recurrent(nn.RNN, 2), (4, 4), sign=8),
    "both ways": Known(_recurrent(nn.LSTM, 1, True), (4, 4), sign=8),
    "glu": Known(layered.glu, (8,), 8, 8), "swiglu": Known(layered.swiglu, (8,), 8, 8),
    "interleaved": Known(_code(lambda m, x: m.o(m.a(x)[..., ::2] * m.a(x)[..., 1::2].sigmoid()), a=_linear(3, 12),
                               o=_linear(6, 2)), (6,), 6, 6),
    "dense": Known(_code(lambda m, x: m.o(torch.cat([h := m.a(x).relu(), m.b(h).relu()], -1)), a=_linear(3, 4),
                         b=_linear(4, 5), o=_linear(9, 2)), (4, 5), scale=9),
    "maxout": Known(_code(lambda m, x: m.o(m.a(x).view(4, 6, 2).amax(-1)), a=_linear(3, 12), o=_linear(6, 2)),
                    (6, 2), scale=6),
    "mask": Known(_code(lambda m, x: m.o((h := m.a(x)) * (h > 0)), a=_linear(3, 6), o=_linear(6, 2)), (6,), scale=6),
    "squared relu": Known(_code(lambda m, x: m.o(m.a(x).relu() ** 2), a=_linear(3, 6), o=_linear(6, 2)), (6,), 6),
    "low rank": Known(_code(lambda m, x: m.o(m.up(m.down(x)).relu()), down=_linear(3, 4), up=_linear(4, 6),
                            o=_linear(6, 2)), (4, 6), scale=10, sign=4),
    "sum of experts": Known(layered.soft_mixture, (4, 8), scale=12),
    "two towers": Known(_code(lambda m, x: m.o(m.a(x).relu() * m.b(x).relu()), a=_linear(3, 6), b=_linear(3, 6),
                              o=_linear(6, 2)), (6,), scale=12),
    "embedding": Known(sequential.tied, (8,)),
}  # fmt: skip

KNOWN = {**SMALL, **KINDS, **NAMES, **OPERATORS}
