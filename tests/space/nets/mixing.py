"""Nets in which matrices mix neurons: linear layers, adapters, attention of all makes, streams under norms."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.space import WeightSpace


class TwoLinear(nn.Module):
    """Nothing stands between the first and the second layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(9, 6), nn.Linear(6, 7), nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, 9]`` to ``[batch, 2]``."""
        return self.c(torch.tanh(self.b(self.a(x))))


class Adapted(nn.Module):
    """A layer with a low-rank adapter beside it."""

    def __init__(self, rank: int = 3) -> None:
        super().__init__()
        self.w, self.o = nn.Linear(8, 8), nn.Linear(8, 2)
        self.down, self.up = nn.Parameter(torch.randn(rank, 8)), nn.Parameter(torch.randn(8, rank))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, 8]`` to ``[batch, 2]``."""
        return self.o(torch.relu(self.w(x) + 0.5 * (x @ self.down.T) @ self.up.T))


class Attending(nn.Module):
    """One layer of attention on a residual stream."""

    def __init__(self, heads: int = 4, width: int = 16, scaled: bool = False) -> None:
        super().__init__()
        self.heads, self.scaled = heads, scaled
        self.embed, self.norm, self.out = nn.Linear(5, width), nn.LayerNorm(width), nn.Linear(width, 3)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.gain = nn.Parameter(torch.randn(width // heads))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, tokens, 5]`` to ``[batch, tokens, 3]``."""
        x = self.embed(x)
        y, shape = self.norm(x), (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        q, k, v = (layer(y).view(shape).transpose(1, 2) for layer in (self.q, self.k, self.v))
        v = torch.relu(v) if self.scaled else v
        q = q * self.gain if self.scaled else q
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out(x + self.o(mixed))


class Fused(nn.Module):
    """Attention whose queries, keys and values come out of one layer."""

    def __init__(self, heads: int = 4, width: int = 16) -> None:
        super().__init__()
        self.heads = heads
        self.embed, self.norm, self.out = nn.Linear(5, width), nn.LayerNorm(width), nn.Linear(width, 3)
        self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, tokens, 5]`` to ``[batch, tokens, 3]``."""
        x = self.embed(x)
        shape = (*x.shape[:2], 3, self.heads, x.shape[2] // self.heads)
        q, k, v = self.qkv(self.norm(x)).view(shape).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(x + self.o(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))


class Split(Fused):
    """The same, with a split in place of a view."""

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, tokens, 5]`` to ``[batch, tokens, 3]``."""
        x = self.embed(x)
        shape = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, -1))
        return self.out(x + self.o(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)))


class Packed(nn.Module):
    """torch's own attention."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.out = nn.Linear(5, 16), nn.LayerNorm(16), nn.Linear(16, 3)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, tokens, 5]`` to ``[batch, tokens, 3]``."""
        x = self.embed(x)
        y = self.norm(x)
        return self.out(x + self.attention(y, y, y, need_weights=False)[0])


def turned(x: Tensor, adjacent: bool) -> Tensor:
    """Rotary embeddings: the pairs of channels of each token turned by angles that grow with its place."""
    places = torch.arange(x.shape[-2], dtype=x.dtype)[:, None]
    angles = places * 100.0 ** (-torch.arange(0, x.shape[-1], 2, dtype=x.dtype) / x.shape[-1])
    if adjacent:
        one, other = x[..., ::2], x[..., 1::2]
        turn = [one * angles.cos() - other * angles.sin(), one * angles.sin() + other * angles.cos()]
        return torch.stack(turn, -1).flatten(-2)
    one, other = x.chunk(2, -1)
    twice = torch.cat([angles, angles], -1)
    return x * twice.cos() + torch.cat([-other, one], -1) * twice.sin()


class Rotary(nn.Module):
    """Attention under rotary embeddings on a residual stream that norms without gains read."""

    def __init__(self, heads: int = 2, groups: int = 2, adjacent: bool = False, bias: bool = False) -> None:
        super().__init__()
        self.heads, self.groups, self.adjacent, width = heads, groups, adjacent, 8
        self.embed, self.out, self.o = nn.Linear(5, width), nn.Linear(width, 3), nn.Linear(width, width, bias)
        self.q = nn.Linear(width, width, bias)
        self.k, self.v = (nn.Linear(width, width * groups // heads, bias) for _ in range(2))
        self.up, self.down = nn.Linear(width, 12), nn.Linear(12, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, tokens, 5]`` to ``[batch, tokens, 3]``."""
        x = self.embed(x)
        y, shape = functional.rms_norm(x, x.shape[-1:]), (*x.shape[:2], -1, x.shape[2] // self.heads)
        q, k, v = (layer(y).view(shape).transpose(1, 2) for layer in (self.q, self.k, self.v))
        k, v = (part.repeat_interleave(self.heads // self.groups, 1) for part in (k, v))
        q, k = (turned(part, self.adjacent) for part in (q, k))
        x = x + self.o(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        x = x + self.down(functional.gelu(self.up(functional.rms_norm(x, x.shape[-1:]))))
        return self.out(functional.rms_norm(x, x.shape[-1:]))


MIXING = {
    "two linear layers": (TwoLinear, (3, 9)),
    "adapter": (Adapted, (3, 8)),
    "attention": (Attending, (2, 7, 5)),
    "fused": (Fused, (2, 7, 5)),
    "split": (Split, (2, 7, 5)),
    "packed": (Packed, (2, 7, 5)),
    "rotary": (Rotary, (2, 7, 5)),
    "rotary, grouped": (lambda: Rotary(heads=4), (2, 7, 5)),
    "rotary, adjacent": (lambda: Rotary(adjacent=True, bias=True), (2, 7, 5)),
    "rotary, one head": (lambda: Rotary(heads=1, groups=1), (2, 7, 5)),
}
MATRICES = ("linear", "orthogonal", "complex")
KINDS = ("permutation", "scale", "sign", "phase", *MATRICES)


def mixing(name: str) -> tuple[WeightSpace, nn.Module, Tensor, dict[str, Tensor]]:
    """Space, module in float64, an input, and random weights."""
    space, module, x, weights = _mixing(name)
    return space, module, x, dict(weights)


@cache
def _mixing(name: str) -> tuple[WeightSpace, nn.Module, Tensor, dict[str, Tensor]]:
    kind, shape = MIXING[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, x = kind(), torch.randn(*shape)
        space = WeightSpace.trace(module, x)
        weights = {n: 0.3 * torch.randn_like(t).double() for n, t in module.state_dict().items()}
    return space, module.double(), x.double(), weights
