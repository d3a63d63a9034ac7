"""Sets of neurons that nothing ties, pairs that move as pairs, neurons behind one tensor that are read apart."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.space.known.known import IMAGES, Known, between, code, conv, linear, tensor

SEQUENCE = ((2, 5, 3),)


def _grouped(h: Tensor) -> Tensor:
    return h.view(4, 3, 2).sort(-1)[0].flatten(1)


def _extremes(h: Tensor) -> Tensor:
    pairs = h.view(4, 3, 2)
    return torch.cat([pairs.amax(-1), pairs.amin(-1)], -1)


def _halves(m: nn.Module, x: Tensor) -> Tensor:
    one, other = m.a(x).chunk(2, -1)
    return m.o(torch.cat([torch.maximum(one, other), torch.minimum(one, other)], -1))


def _thirds(m: nn.Module, x: Tensor) -> Tensor:
    h = m.a(x)
    return m.o(h[:, ::3].relu() + h[:, 1::3] * h[:, 2::3].sigmoid())


def _recurrent(kind, layers, read, sizes, both=False, out=4, scale=0, sign=0, **settings) -> Known:
    build = lambda: kind(3, 4, layers, bidirectional=both, batch_first=True, **settings)  # noqa: E731
    return code(read, sizes, SEQUENCE, scale=scale, sign=sign, rnn=build, o=linear(out, 2))


def _of_directions(m, x):
    last = m.rnn(x)[1].view(2, 2, 2, 4)[-1]
    return m.o(torch.cat([last[0], last[1]], -1))


def _coded(m, x):
    return m.o(m.decode(x, m.encode(x)[1])[0])


def _gru(layers):
    return lambda: nn.GRU(3, 4, layers, batch_first=True)


def _stacks(read):
    return lambda m, x: read(m, torch.stack([m.a(x).relu(), m.b(x).relu()], 1))


def _perceiver(m, x):
    z = m.z.value.expand(2, -1, -1)
    scores = (m.q(z) @ m.k(x).transpose(1, 2)).softmax(-1)
    return m.o((z + scores @ m.v(x)).mean(1))


def _heads(split, scale=20, sign=20):
    """Attention whose queries, keys and values come from one matrix, split in some way."""

    def forward(m, x):
        h = m.embed(x)
        q, k, v = split(m.qkv(h))
        return m.o(h + m.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))

    parts = {"embed": linear(3, 8), "qkv": linear(8, 24), "proj": linear(8, 8), "o": linear(8, 2)}
    return code(forward, (8, 2, 4, 4), SEQUENCE, scale=scale, sign=sign, **parts)


def _attended(m, x):
    h = m.embed(x)
    return m.o(h + m.attention(h, h, h, need_weights=False)[0])


def _mixed(m, x):
    h = m.a(x)
    return m.o(h + m.up(F.gelu(m.down(h.transpose(1, 2)))).transpose(1, 2))


def _linear_attention(m, x):
    return m.o(m.q(x).relu() @ (m.k(x).relu().transpose(1, 2) @ m.v(x)))


def _contracted(m, x):
    return m.o(torch.einsum("bij,ikr,rjl->bkl", x.view(4, 2, 3), m.a.value, m.b.value).flatten(1).relu())


def _unet(m, x):
    h = m.a(x).relu()
    return m.o(torch.cat([h, F.interpolate(m.b(F.max_pool2d(h, 2)).relu(), scale_factor=2)], 1))


def _focus(m, x):
    h = m.a(x).relu()
    return m.o(torch.cat([h[..., ::2, ::2], h[..., 1::2, ::2]], 1))


TWO = {"a": linear(3, 6), "b": linear(3, 6)}
NAMES = {
    "group sort": between(_grouped, (3, 2), scale=3), "pairs' extremes": between(_extremes, (3, 2), scale=3),
    "halves' extremes": code(_halves, (3,), scale=3, a=linear(3, 6), o=linear(6, 2)),
    "thirds": code(_thirds, (4,), a=linear(3, 12), o=linear(4, 2)),
    "crelu": between(lambda h: torch.cat([h.relu(), (-h).relu()], -1), out=12, scale=6),
    "heads of softmax": between(lambda h: h.unflatten(-1, (2, 3)).softmax(-1).flatten(-2), (2, 3)),
    "last states by direction": _recurrent(nn.GRU, 2, _of_directions, (4,) * 4, True, 8, sign=16),
    "last states laid flat": _recurrent(nn.GRU, 2, lambda m, x: m.o(m.rnn(x)[1].transpose(0, 1).reshape(2, -1)),
                                        (4, 4), out=8, sign=8),
    "last states permuted": _recurrent(nn.GRU, 2, lambda m, x: m.o(m.rnn(x)[1].permute(1, 0, 2).flatten(1)), (4, 4),
                                       out=8, sign=8),
    "last states sliced": _recurrent(nn.GRU, 2, lambda m, x: m.o(m.rnn(x)[1][-1:].squeeze(0)), (4, 4), sign=8),
    "last states joined": _recurrent(nn.GRU, 2, lambda m, x: m.o(torch.cat(tuple(m.rnn(x)[1]), -1)), (4, 4), out=8,
                                     sign=8),
    "relu recurrence": _recurrent(nn.RNN, 2, lambda m, x: m.o(m.rnn(x)[0][:, -1]), (4, 4), scale=8,
                                  nonlinearity="relu"),
    "encoder and decoder": code(_coded, (4, 4), SEQUENCE, sign=8, encode=_gru(2), decode=_gru(2), o=linear(4, 2)),
    "stack laid flat": code(_stacks(lambda m, s: m.o(s.flatten(1))), (6, 6), scale=12, **TWO, o=linear(12, 2)),
    "stack taken apart": code(_stacks(lambda m, s: m.o(s[:, 0]) + m.q(s[:, 1])), (6, 6), scale=12, **TWO,
                              o=linear(6, 2), q=linear(6, 2)),
    "mean of a stack": code(_stacks(lambda m, s: m.o(s.mean(1))), (6,), scale=6, **TWO, o=linear(6, 2)),
    "perceiver": code(_perceiver, (5, 8, 4), ((2, 7, 3),), scale=12, sign=12, z=tensor(1, 5, 8), q=linear(8, 4),
                      k=linear(3, 4), v=linear(3, 8), o=linear(8, 2)),
    "heads by view": _heads(lambda h: h.view(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)),
    "heads by unflatten": _heads(lambda h: h.unflatten(-1, (3, 2, 4)).transpose(1, 3).unbind(2)),
    "heads by chunk": _heads(lambda h: [part.view(2, 5, 2, 4).transpose(1, 2) for part in h.chunk(3, -1)]),
    "heads outside": _heads(lambda h: h.view(2, 5, 2, 12).transpose(1, 2).split(4, -1), 16, 18),
    "multi-head attention": code(_attended, (8, 2, 4, 4), SEQUENCE, scale=20, sign=20, embed=linear(3, 8),
                                 attention=lambda: nn.MultiheadAttention(8, 2, batch_first=True), o=linear(8, 2)),
    "linear attention": code(_linear_attention, (4, 8), ((2, 7, 3),), scale=12, sign=8, q=linear(3, 4),
                             k=linear(3, 4), v=linear(3, 8), o=linear(8, 2)),
    "mixer": code(_mixed, (6, 7), SEQUENCE, a=linear(3, 6), down=linear(5, 7), up=linear(7, 5), o=linear(6, 2)),
    "tensor train": code(_contracted, (2, 4, 3), ((4, 6),), scale=9, sign=3, a=tensor(2, 2, 3), b=tensor(3, 3, 4),
                         o=linear(8, 2)),
    "bilinear": code(lambda m, x: m.o(m.b(m.a(x).relu(), m.a(x).relu())), (6, 5), scale=11, sign=5, a=linear(3, 6),
                     b=lambda: nn.Bilinear(6, 6, 5), o=linear(5, 2)),
    "unet": code(_unet, (6, 5), IMAGES, scale=11, a=conv(3, 6), b=conv(6, 5), o=conv(11, 2, 1)),
    "focus": code(_focus, (6,), IMAGES, scale=6, a=conv(3, 6), o=conv(12, 2, 1)),
    "groups": code(lambda m, x: m.o(m.b(m.a(x).relu()).relu()), (2, 3, 2), IMAGES, scale=9, a=conv(3, 6),
                   b=conv(6, 4, groups=2), o=conv(4, 2, 1)),
    "rows and columns": code(lambda m, x: m.o((h := m.a(x)) @ h.transpose(1, 2)), (6,), SEQUENCE, sign=6,
                             a=linear(3, 6), o=linear(5, 2)),
}  # fmt: skip
