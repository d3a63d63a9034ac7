"""Nets in which matrices mix neurons: two linear layers, a low-rank adapter, attention with several heads."""

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


MIXING = {
    "two linear layers": (TwoLinear, (3, 9)),
    "adapter": (Adapted, (3, 8)),
    "attention": (Attending, (2, 7, 5)),
}
KINDS = ("permutation", "scale", "sign", "phase", "linear")


def mixing(name: str) -> tuple[WeightSpace, nn.Module, Tensor, dict[str, Tensor]]:
    """Space, module in float64, an input, and random weights."""
    kind, shape = MIXING[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, x = kind(), torch.randn(*shape)
        space = WeightSpace.trace(module, x)
        weights = {n: 0.3 * torch.randn_like(t).double() for n, t in module.state_dict().items()}
    return space, module.double(), x.double(), weights
