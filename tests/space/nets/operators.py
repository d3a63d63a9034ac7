"""One small computation for each operator that has a rule, between two layers: a new rule is a new row.

``m`` has the layers ``a`` and ``b`` (to 8 neurons), ``o`` (from 8 neurons), and vectors and matrices of parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention


class Kit(nn.Module):
    """Layers for rows ``[4, 5]``, or for images ``[2, 3, 6, 6]``, and a computation with them."""

    def __init__(self, function, image: bool):
        super().__init__()
        layers = (nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1))
        self.a, self.b, self.o = layers if image else (nn.Linear(5, 8), nn.Linear(5, 8), nn.Linear(8, 2))
        self.p, self.q = nn.Parameter(torch.rand(8) + 0.5), nn.Parameter(torch.randn(8))
        self.w, self.v, self.g = (nn.Parameter(torch.randn(*shape)) for shape in ((8, 8), (2, 8, 8), (8, 4, 3, 3)))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def make(function, image: bool) -> tuple[Kit, Tensor]:
    """A module and its input, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Kit(function, image), torch.randn(2, 3, 6, 6) if image else torch.randn(4, 5)


def between(function):
    """A function of neurons, between the layers ``a`` and ``o``."""
    return lambda m, x: m.o(function(m.a(x)))


def both(function):
    """A function of two sets of neurons, in front of the layer ``o``."""
    return lambda m, x: m.o(function(m.a(x), m.b(x)))


def heads(function, m, x):
    """Queries, keys and values from one layer, two heads each of four channels."""
    q = m.a(x).view(1, 4, 2, 4).transpose(1, 2)
    return m.o(function(q, m.b(x).view(1, 4, 2, 4).transpose(1, 2)).transpose(1, 2).reshape(4, 8))


def _nearer(score, _batch, _head, row, column):
    return score - abs(row - column)


def rotated(h):
    return torch.movedim(h.unflatten(-1, (2, 4)), 0, 2).permute(2, 0, 1).flatten(1)


def with_state(cell, m, x, *states):
    return m.o(cell(m.a(x), *states))


POINTWISE = {
    "aten.relu": F.relu, "aten.leaky_relu": F.leaky_relu, "aten.tanh": torch.tanh, "aten.erf": torch.erf,
    "aten.sin": torch.sin, "aten.cos": torch.cos, "aten.abs": torch.abs, "aten.gelu": F.gelu, "aten.silu": F.silu,
    "aten.sigmoid": torch.sigmoid, "aten.elu": F.elu, "aten.softplus": F.softplus, "aten.hardtanh": F.hardtanh,
    "aten.exp": torch.exp, "aten.threshold": lambda h: F.threshold(h, 0.1, 0.0), "aten.neg": torch.neg,
    "aten.clamp": lambda h: h.clamp(-1, 1), "aten.clamp_min": lambda h: torch.ops.aten.clamp_min(h, 0.0),
    "aten.pow": lambda h: h**3, "aten.square": lambda h: torch.ops.aten.square(h),
    "aten.sqrt": lambda h: h.abs().sqrt(),
    "aten.rsqrt": lambda h: (h.abs() + 1).rsqrt(), "aten.reciprocal": lambda h: (h.abs() + 1).reciprocal(),
    "aten.rsub": lambda h: torch.rsub(h, 1.0), "aten.clone": torch.clone, "aten.dropout": F.dropout,
    "aten.masked_fill": lambda h: h.masked_fill(h > 0.5, 0.0), "aten.where": lambda h: torch.where(h > 0, h, 0 * h),
    "aten.softmax": lambda h: h.softmax(-1), "aten.log_softmax": lambda h: h.log_softmax(0),
    "aten.sinc": torch.sinc, "aten.clamp_max": lambda h: torch.ops.aten.clamp_max(h, 0.0), "aten.sign": torch.sign,
    "aten.gt": lambda h: (h > 0).to(h), "aten.le": lambda h: (h <= 0).to(h),
    "aten.heaviside": lambda h: torch.heaviside(h, torch.ones(1)), "aten.fmod": lambda h: h.fmod(0.3),
    "aten.view_as_real": lambda h: torch.view_as_real(torch.complex(h, h.tanh())).sum(-1),
    "aten.bucketize": lambda h: torch.bucketize(h, torch.linspace(-1, 1, 5)).to(h),
    "aten.searchsorted": lambda h: torch.searchsorted(torch.linspace(-1, 1, 5), h).to(h),
    "aten.clip": lambda h: h.clip(-1, 1), "aten.frac": torch.frac,
    "aten.one_hot": lambda h: h * F.one_hot(h.argmax(1), 8),
    "aten.asinh": torch.asinh, "aten.hardshrink": F.hardshrink, "aten.mish": F.mish, "aten.to": lambda h: h.to(h.dtype),
}  # fmt: skip

PAIRS = {
    "aten.atan2": torch.atan2, "aten.copysign": torch.copysign, "aten.fmax": torch.fmax,
    "aten.addcdiv": lambda h, g: torch.addcdiv(h, h, g.exp()),
    "aten.addcmul": lambda h, g: torch.addcmul(h, h, g, value=0.5),
    "aten.hypot": torch.hypot, "aten.lerp": lambda h, g: torch.lerp(h, g, 0.3),
    "aten.complex": lambda h, g: torch.complex(h, g).abs(), "aten.polar": lambda h, g: torch.polar(h, g).imag,
    "aten.view_as_complex": lambda h, g: torch.view_as_complex(torch.stack([h, g], -1)).real.tanh(),
    "aten.add": torch.add, "aten.sub": lambda h, g: torch.sub(h, g, alpha=2), "aten.mul": torch.mul,
    "aten.div": lambda h, g: h / (g.abs() + 1), "aten.maximum": torch.maximum, "aten.minimum": torch.minimum,
    "aten.copy": lambda h, g: torch.zeros_like(h).copy_(h + g), "aten.type_as": lambda h, g: h.type_as(g) + g,
    "aten.expand_as": lambda h, g: h[:1].expand_as(g) + g,
    "aten.full_like": lambda h, g: torch.full_like(h, 2.0) * h + g,
    "aten.hstack": lambda h, g: torch.hstack([h, g])[:, 4:12], "aten.cat": lambda h, g: torch.cat([h, g])[2:6],
    "aten.stack": lambda h, g: torch.stack([h, g], 1).amax(1),
    "aten.zeros_like": lambda h, g: torch.zeros_like(h) + h + g, "aten.ones": lambda h, g: h * torch.ones(8) + g,
    "aten.arange": lambda h, g: h * torch.arange(8) + g,
    "aten.broadcast_tensors": lambda h, g: sum(torch.broadcast_tensors(h[:1], g)),
    "aten.cdist": lambda h, g: torch.cdist(h, g) @ h,
    "aten.slice_scatter": lambda h, g: h.slice_scatter(g[1:3], 0, 1, 3),
    "aten.select_scatter": lambda h, g: h.select_scatter(g[1], 0, 2),
    "aten.index_put": lambda h, g: h.clone().index_put((torch.tensor([0, 2]),), g[:2]),
    "aten.index_add": lambda h, g: h.index_add(0, torch.tensor([0, 2]), g[:2]),
    "aten.scatter": lambda h, g: h.scatter(0, torch.tensor([[1] * 8, [3] * 8]), g),
}  # fmt: skip

# An activation stands between a view and what follows: what was only viewed is read in parts, without the rule.
MOVES = {
    "aten.view": lambda h: h.view(2, 2, 8).view(4, 8), "aten.reshape": lambda h: h.reshape(2, 2, 2, 4).reshape(4, 8),
    "aten.permute": lambda h: h.view(4, 2, 4).tanh().permute(0, 2, 1).reshape(4, 8),
    "aten.movedim": rotated,
    "aten.transpose": lambda h: h.view(4, 4, 2).tanh().transpose(1, 2).reshape(4, 8),
    "aten.t": lambda h: h.t().relu().t(),
    "aten.flatten": lambda h: h.view(4, 2, 4).tanh().flatten(1),
    "aten.unflatten": lambda h: h.unflatten(1, (4, 2)).flatten(1),
    "aten.squeeze": lambda h: h[None].squeeze(0), "aten.unsqueeze": lambda h: h.unsqueeze(1).amax(1),
    "aten.expand": lambda h: h[:1].expand(4, 8), "aten.repeat": lambda h: h[:, :4].repeat(1, 2),
    "aten.repeat_interleave": lambda h: h[:, :4].repeat_interleave(2, 1),
    "aten.slice": lambda h: F.pad(h[:, 2:6], (2, 2)),
    "aten.narrow": lambda h: F.pad(h.narrow(1, 1, 6), (1, 1)), "aten.select": lambda h: h.select(0, 2),
    "aten.split": lambda h: torch.cat(h.split(4, 1)[::-1], 1),
    "aten.chunk": lambda h: torch.cat(h.chunk(4, 1)[::-1], 1),
    "aten.split_with_sizes": lambda h: torch.cat(h.split([3, 5], 1)[::-1], 1), "aten.unbind": lambda h: h.unbind(0)[1],
    "aten.pad": lambda h: F.pad(h, (1, 1, 0, 0))[:, 1:-1], "aten.roll": lambda h: h.roll(1, 1),
    "aten.flip": lambda h: h.flip(1), "aten.cumsum": lambda h: h.cumsum(1), "aten.cumprod": lambda h: h.cumprod(0),
    "aten.sort": lambda h: h.sort(1)[0], "aten.index_select": lambda h: h.index_select(1, torch.arange(8).flip(0)),
    "aten.index": lambda h: h[:, torch.arange(8).flip(0)], "aten.topk": lambda h: h.topk(8, 1)[0],
    "aten.kthvalue": lambda h: h.kthvalue(2, 0)[0],
    "aten.gather": lambda h: h.gather(1, torch.arange(8).flip(0).expand(4, 8)),
    "aten.argsort": lambda h: h.gather(1, h.argsort(1)), "aten.cummax": lambda h: h.cummax(0)[0],
    "aten.unfold": lambda h: h.unfold(0, 2, 1)[..., 0], "aten._fft_r2c": lambda h: torch.fft.fft(h, dim=1).real,
}  # fmt: skip

REDUCTIONS = {
    "aten.sum": lambda h: h.sum(0, keepdim=True), "aten.mean": lambda h: h.mean(0), "aten.amax": lambda h: h.amax(0),
    "aten.max": lambda h: h.max(0)[0], "aten.argmax": lambda h: h * h.argmax(1, keepdim=True),
    "aten.quantile": lambda h: h.quantile(0.3, 0), "aten.prod": lambda h: h.prod(0),
    "aten.var": lambda h: h.var(0), "aten.std": lambda h: h.std(0),
    "aten.var_mean": lambda h: sum(torch.var_mean(h, 0)), "aten.logsumexp": lambda h: h.logsumexp(0),
    "aten.linalg_vector_norm": lambda h: torch.linalg.vector_norm(h, dim=0),
}  # fmt: skip

CONTRACTIONS = {
    "aten.linear": lambda m, x: m.o(m.a(x)), "aten.matmul": lambda m, x: m.o(m.a(x) @ m.w),
    "aten.mm": lambda m, x: m.o(torch.mm(m.a(x), m.w)), "aten.mv": lambda m, x: m.o(torch.mv(m.w, m.a(x)[0])),
    "aten.bmm": lambda m, x: m.o(torch.bmm(m.a(x).expand(2, 4, 8), m.v)),
    "aten.addmm": lambda m, x: m.o(torch.addmm(m.q, m.a(x), m.w)), "aten.dot": lambda m, x: m.a(x)[0].dot(m.p),
    "aten.baddbmm": lambda m, x: m.o(torch.baddbmm(m.q, m.a(x).expand(2, 4, 8), m.v)),
    "aten.addbmm": lambda m, x: m.o(torch.addbmm(m.q, m.a(x).expand(2, 4, 8), m.v)),
    "aten.outer": lambda m, x: m.o(torch.outer(x[0], m.p) + m.a(x)[:1]),
    "aten.einsum": lambda m, x: m.o(torch.einsum("ni,ij->nj", m.a(x), m.w)),
    "aten.bilinear": lambda m, x: m.o(F.bilinear(m.a(x), m.b(x), m.w.expand(8, 8, 8))),
    "aten.embedding": lambda m, x: m.o(F.embedding(torch.arange(4), m.w) + m.a(x)),
    "aten.scaled_dot_product_attention": lambda m, x: heads(lambda q, k: F.scaled_dot_product_attention(q, k, k), m, x),
    "aten.eye": lambda m, x: m.o((m.a(x).tanh() @ (m.w + torch.eye(8))).tanh()),
    "aten.linalg_inv": lambda m, x: m.o((m.a(x).tanh() @ torch.linalg.inv(m.w + 4 * torch.eye(8))).tanh()),
    "aten.linalg_solve": lambda m, x: m.o(torch.linalg.solve(m.w + 4 * torch.eye(8), m.a(x).tanh().T).T),
    "aten.linalg_matrix_exp": lambda m, x: m.o((m.a(x).tanh() @ torch.linalg.matrix_exp(m.w / 4)).tanh()),
    "aten.linalg_slogdet": lambda m, x: m.o(m.a(x).relu() @ m.w) + sum(torch.linalg.slogdet(m.w)),
    "flex_attention": lambda m, x: heads(lambda q, k: flex_attention(q, k, k, score_mod=_nearer), m, x),
    "aten._sparse_mm": lambda m, x: m.o(torch.sparse.mm(torch.eye(4).to_sparse(), m.a(x)).tanh()),
    "aten.to_sparse": lambda m, x: m.o(torch.sparse.mm(m.a(x).tanh().to_sparse(), m.w).tanh()),
    "aten.glu": lambda m, x: m.o(F.glu(torch.cat([m.a(x), m.b(x)], 1))),
    "aten.layer_norm": lambda m, x: m.o(F.layer_norm(m.a(x), (8,), m.p, m.q)),
    "aten.rms_norm": lambda m, x: m.o(F.rms_norm(m.a(x), (8,), m.p)),
    "aten.prelu": lambda m, x: m.o(F.prelu(m.a(x), m.p)),
    "aten.gru": lambda m, x: m.o(
        torch.gru(m.a(x)[None], m.b(x)[None, :1], _gates(m, 3), True, 1, 0.0, False, False, True)[0]),
    "aten.lstm": lambda m, x: m.o(
        torch.lstm(m.a(x)[None], [m.b(x)[None, :1]] * 2, _gates(m, 4), True, 1, 0.0, False, False, True)[0]),
    "aten.embedding_renorm": lambda m, x: m.o(F.embedding(torch.arange(4), m.w.clone(), max_norm=1.0) + m.a(x)),
    "aten.embedding_bag": lambda m, x: m.o(F.embedding_bag(torch.arange(8).view(4, 2), m.w) + m.a(x)),
    "aten.gru_cell": lambda m, x: with_state(lambda h, s: torch.gru_cell(h, s, *_gates(m, 3)), m, x, m.b(x)),
    "aten.rnn_tanh_cell": lambda m, x: with_state(lambda h, s: torch.rnn_tanh_cell(h, s, m.w, m.v[0]), m, x, m.b(x)),
    "aten.lstm_cell": lambda m, x: with_state(lambda h, s: torch.lstm_cell(h, (s, s), *_gates(m, 4))[0], m, x, m.b(x)),
}  # fmt: skip


def _gates(m, count):
    """Parameters of a recurrent cell, in which all gates share theirs."""
    return m.w.repeat(count, 1), m.v[0].repeat(count, 1), m.p.repeat(count), m.q.repeat(count)


IMAGES = {
    "aten.conv2d": lambda m, x: m.o(m.a(x)), "aten.convolution": lambda m, x: m.o(
        torch.ops.aten.convolution(m.a(x), m.g, m.q, [1, 1], [1, 1], [1, 1], False, [0, 0], 2)),
    "aten.conv_transpose2d": lambda m, x: m.o(F.conv_transpose2d(m.a(x), m.g, groups=2)),
    "aten.batch_norm": lambda m, x: m.o(F.batch_norm(m.a(x), None, None, m.p, m.q, training=True)),
    "aten.group_norm": lambda m, x: m.o(F.group_norm(m.a(x), 2, m.p, m.q)),
    "aten.instance_norm": lambda m, x: m.o(F.instance_norm(m.a(x), None, None, m.p, m.q)),
    "aten.max_pool2d": between(lambda h: F.max_pool2d(h, 2)), "aten.avg_pool2d": between(lambda h: F.avg_pool2d(h, 2)),
    "aten.adaptive_avg_pool2d": between(lambda h: F.adaptive_avg_pool2d(h, 2)),
    "aten.max_pool2d_with_indices": between(lambda h: F.max_pool2d(h, 2, return_indices=True)[0]),
    "aten.upsample_nearest2d": between(lambda h: F.interpolate(h, scale_factor=2)),
    "aten.upsample_bilinear2d": between(lambda h: F.interpolate(h, size=(5, 9), mode="bilinear")),
    "aten.reflection_pad2d": between(lambda h: torch.ops.aten.reflection_pad2d(h, [1, 1, 1, 1])),
    "aten.pixel_shuffle": between(lambda h: F.pixel_unshuffle(F.pixel_shuffle(h, 2), 2)),
    "aten.pixel_unshuffle": between(lambda h: F.pixel_shuffle(F.pixel_unshuffle(h, 2), 2)),
    "aten.channel_shuffle": between(lambda h: F.channel_shuffle(h, 2)),
    "aten.col2im": between(lambda h: F.fold(F.unfold(h, 3), (6, 6), 3)),
    "aten.grid_sampler": between(lambda h: F.grid_sample(
        h, h.sum(1, keepdim=True).expand(2, 2, 6, 6).permute(0, 2, 3, 1).tanh(), align_corners=False)),
    "aten.max_unpool2d": between(lambda h: F.max_unpool2d(*F.max_pool2d(h, 2, return_indices=True), 2)),
    "aten.fractional_max_pool2d": between(
        lambda h: F.fractional_max_pool2d(h, 2, 3, _random_samples=torch.full((2, 8, 2), 0.4))),
    "aten.im2col": between(lambda h: F.unfold(h, 3).view(2, 8, 9, 4, 4).amax(2)),
}  # fmt: skip

ROWS = {name: between(f) for name, f in {**POINTWISE, **MOVES, **REDUCTIONS}.items()}
ROWS |= {name: both(f) for name, f in PAIRS.items()} | CONTRACTIONS
OPERATORS = {**{name: (f, False) for name, f in ROWS.items()}, **{name: (f, True) for name, f in IMAGES.items()}}

# Computations in which the neurons of ``a`` can't move: their places matter.
FIXING = {
    "aten.roll", "aten.flip", "aten.cumsum", "aten.index_select", "aten.index", "aten.gather",
    "aten.scatter", "aten.arange", "aten._fft_r2c", "aten.argmax", "aten.hstack",
}  # fmt: skip
