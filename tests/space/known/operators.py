"""Operators that real architectures use: rankings, patches, sampling, Fourier layers, state spaces, experts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.space.known.known import IMAGES, between, code, conv, linear, tensor

SEQUENCE = ((2, 6, 3),)


def _sparsemax(h: Tensor) -> Tensor:
    ranked = h.sort(-1, descending=True)[0]
    total, rank = ranked.cumsum(-1), torch.arange(1, h.shape[-1] + 1)
    count = (1 + rank * ranked > total).sum(-1, keepdim=True)
    return (h - (total.gather(-1, count - 1) - 1) / count).relu()


def _winners(h: Tensor) -> Tensor:
    best, where = h.topk(3, -1)
    return torch.zeros_like(h).scatter(-1, where, best)


def _spread(h: Tensor) -> Tensor:
    least = h.min(-1, keepdim=True)[0]
    return (h - least) / (h.max(-1, keepdim=True)[0] - least + 1e-5)


def _deformed(m, x):
    grid = m.grid(x).permute(0, 2, 3, 1).tanh()
    return m.o(F.grid_sample(m.a(x).relu(), grid, align_corners=False))


def _transformed(m, x):
    theta = m.theta(x.mean((2, 3))).view(-1, 2, 3)
    grid = F.affine_grid(theta, (2, 6, 6, 6), align_corners=False)
    return m.o(F.grid_sample(m.a(x).relu(), grid, align_corners=False))


def _involuted(m, x):
    patches = F.unfold(m.a(x), 3, padding=1).view(2, 6, 9, 6, 6)
    return m.o((m.kernel(x).view(2, 1, 9, 6, 6) * patches).sum(2))


def _fourier_operator(m, x):
    h = m.a(x).relu()
    seen = torch.fft.rfft2(h)
    out = torch.zeros_like(seen)
    out[:, :, :3, :3] = torch.einsum("bixy,ioxy->boxy", seen[:, :, :3, :3], m.w.value)
    return m.o(F.relu(torch.fft.irfft2(out, s=h.shape[-2:]) + m.skip(h)))


def _global_filter(m, x):
    h = m.a(x).permute(0, 2, 3, 1)
    seen = torch.fft.rfft2(m.norm(h), dim=(1, 2), norm="ortho") * torch.view_as_complex(m.w.value)
    h = h + torch.fft.irfft2(seen, s=(6, 6), dim=(1, 2), norm="ortho")
    return m.o(h.mean((1, 2)))


def _state_space(m, x):
    u, length = m.a(x).transpose(1, 2), x.shape[1]
    step = m.step.value.exp()
    pole = -m.real.value.exp() + 1j * m.imag.value
    kernel = torch.exp((pole * step[:, None])[..., None] * torch.arange(length))
    gain = torch.view_as_complex(m.c.value) * (torch.exp(pole * step[:, None]) - 1.0) / pole
    response = 2 * torch.einsum("hn,hnl->hl", gain, kernel).real
    seen = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(response, n=2 * length)
    y = torch.fft.irfft(seen, n=2 * length)[..., :length] + u * m.d.value[:, None]
    return m.o(F.gelu(y).transpose(1, 2))


def _linear_recurrence(m, x):
    u = m.a(x)
    size = torch.exp(-m.size.value.exp())
    decay = torch.complex(size * m.angle.value.cos(), size * m.angle.value.sin())
    entering = u.to(torch.cfloat) @ m.b.value.T
    state, found = torch.zeros(2, 5, dtype=torch.cfloat), []
    for moment in range(x.shape[1]):
        state = decay * state + entering[:, moment]
        found.append((state @ m.c.value.T).real + m.d.value * u[:, moment])
    return m.o(F.gelu(torch.stack(found, 1)))


def _log_scan(m, x):
    keep, gate = -F.softplus(m.z(x)), -F.softplus(-m.z(x))
    total = F.pad(torch.cumsum(keep, 1), (0, 0, 1, 0))
    values = torch.cat([torch.zeros(2, 1, 4), gate + m.h(x)], 1)
    return m.o(torch.exp(total + torch.logcumsumexp(values - total, 1))[:, 1:])


def _ensemble(m, x):
    return torch.vmap(lambda w, v: (x @ w.T).relu() @ v.T)(m.w.value, m.v.value).mean(0)


def _expert(m, x):
    chosen = m.route(x).argmax(-1)
    hidden = torch.einsum("bi,bhi->bh", x, m.w.value[chosen]).relu()
    return torch.einsum("bh,boh->bo", hidden, m.v.value[chosen])


def _experts(m, x):
    gain, chosen = m.route(x).softmax(-1).topk(2, -1)
    hidden = torch.einsum("bi,bkhi->bkh", x, m.w.value[chosen]).relu()
    return (torch.einsum("bkh,bkoh->bko", hidden, m.v.value[chosen]) * gain[..., None]).sum(1)


def _all_experts(m, x):
    gain, chosen = m.route(x).softmax(-1).topk(2, -1)
    weight = torch.zeros(len(x), 4).scatter(-1, chosen, gain)
    hidden = torch.einsum("bi,ehi->beh", x, m.w.value).relu()
    return (torch.einsum("beh,eoh->beo", hidden, m.v.value) * weight[..., None]).sum(1)


def _positions(m, x):
    return m.o((m.table.value[torch.arange(4)] + m.a(x)).tanh())


def _graph(m, x):
    sender, receiver = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([1, 2, 3, 0, 2])
    h = m.a(x).relu()
    gathered = torch.zeros(4, 6).index_add(0, receiver, h[sender])
    scattered = torch.zeros(4, 6).scatter_add(0, receiver[:, None].expand(-1, 6), h[sender])
    return m.o(gathered + scattered)


EXPERTS = {"route": linear(3, 4), "w": tensor(4, 6, 3), "v": tensor(4, 2, 6)}
STATE = {"a": linear(3, 4), "o": linear(4, 2), "d": tensor(4)}
OPERATORS = {
    "best three": between(lambda h: h.topk(3, -1)[0], out=3), "ranks": between(lambda h: h.sort(-1)[0]),
    "around the second": between(lambda h: h - h.kthvalue(2, -1, keepdim=True)[0]),
    "around a quantile": between(lambda h: h - h.nanquantile(0.25, -1, keepdim=True)),
    "winners by value": between(lambda h: h * (h >= h.topk(3, -1)[0][..., -1:])), "sparsemax": between(_sparsemax),
    "winners by place": between(_winners), "winner": between(lambda h: h * F.one_hot(h.argmax(-1), 6)),
    "between extremes": between(_spread),
    "folded": between(lambda h: F.fold(F.unfold(h, 3, padding=1), (6, 6), 3, padding=1), image=True, scale=6, sign=6),
    "windows": between(lambda h: h.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)), image=True, scale=6, sign=6),
    "deformed": code(_deformed, (6,), IMAGES, scale=6, a=conv(3, 6), grid=conv(3, 2), o=conv(6, 2, 1)),
    "transformed": code(_transformed, (6,), IMAGES, scale=6, a=conv(3, 6), theta=linear(3, 6), o=conv(6, 2, 1)),
    "unpooled": between(lambda h: F.max_unpool2d(*F.max_pool2d(h, 2, return_indices=True), 2), image=True, scale=6),
    "fractional pool": between(lambda h: F.fractional_max_pool2d(h, 2, 3, _random_samples=torch.full((2, 6, 2), 0.5)),
                               image=True, scale=6),
    "involution": code(_involuted, (6,), IMAGES, scale=6, sign=6, a=conv(3, 6), kernel=conv(3, 9), o=conv(6, 2, 1)),
    "fourier operator": code(_fourier_operator, (6, 6), IMAGES, scale=12, a=conv(3, 6, 1), skip=conv(6, 6, 1),
                             w=tensor(6, 6, 3, 3, dtype=torch.cfloat), o=conv(6, 2, 1)),
    "global filter": code(_global_filter, (6,), IMAGES, scale=6, sign=6, a=conv(3, 6, 1), w=tensor(6, 4, 6, 2),
                          norm=lambda: nn.LayerNorm(6), o=linear(6, 2)),
    "state space": code(_state_space, (4, 5), SEQUENCE, scale=4, sign=4, **STATE, step=tensor(4), real=tensor(4, 5),
                        imag=tensor(4, 5), c=tensor(4, 5, 2)),
    "linear recurrence": code(_linear_recurrence, (4, 5), SEQUENCE, scale=9, sign=9, **STATE, size=tensor(5),
                              angle=tensor(5), b=tensor(5, 4, dtype=torch.cfloat), c=tensor(4, 5, dtype=torch.cfloat)),
    "log scan": code(_log_scan, (4,), SEQUENCE, z=linear(3, 4), h=linear(3, 4), o=linear(4, 2)),
    "vmap": code(lambda m, x: m.o(torch.vmap(lambda row: m.a.weight @ row + m.a.bias)(x).relu()), (6,), scale=6,
                 a=linear(3, 6), o=linear(6, 2)),
    "ensemble by vmap": code(_ensemble, (4, 6), scale=10, w=tensor(4, 6, 3), v=tensor(4, 2, 6)),
    "expert by place": code(_expert, (4, 6), scale=6, **EXPERTS),
    "two experts by place": code(_experts, (4, 6), scale=6, **EXPERTS),
    "experts weighed by place": code(_all_experts, (4, 6), scale=10, **EXPERTS),
    "positions by place": code(_positions, (6,), sign=6, table=tensor(4, 6), a=linear(3, 6), o=linear(6, 2)),
    "messages": code(_graph, (6,), scale=6, a=linear(3, 6), o=linear(6, 2)),
}  # fmt: skip
