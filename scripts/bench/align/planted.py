"""How many of 100 planted symmetries are found, kind by kind, without noise and with 1 % of it.

    python scripts/bench/align/planted.py

A random net is hidden by a random element of its whole group. Found means: after aligning, every weight tensor is
within 10 % (without noise 1 %) of where it began, relative to its norm.
"""

from typing import Any

import torch
from rows import Clock, flags, parsed, write
from torch import Tensor, nn
from torch.nn import functional

from weightspace.align import align, fold_norms
from weightspace.nets import build_net
from weightspace.space import WeightSpace

Weights = dict[str, Tensor]
KINDS = ("permutation", "scale", "sign", "phase", "linear", "complex", "orthogonal")


class Adapter(nn.Module):
    """A layer with a low-rank adapter of rank 4 beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.o = nn.Linear(16, 16), nn.Linear(16, 3)
        self.down, self.up = nn.Linear(16, 4, False), nn.Linear(4, 16, False)

    def forward(self, x: Tensor) -> Tensor:
        return self.o(torch.relu(self.w(x) + self.up(self.down(x))))


class Deep(nn.Module):
    """Two linear layers without an activation between them, and one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(24, 12), nn.Linear(12, 30), nn.Linear(30, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(self.a(x))))


class Rotary(nn.Module):
    """A block of attention under rotary embeddings, on a stream that norms without gains read."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.embed, self.head = nn.Linear(5, width), nn.Linear(width, 3)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        y = functional.rms_norm(x, x.shape[-1:])
        q, k, v = (p(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q, self.k, self.v))
        seen = functional.scaled_dot_product_attention(_turned(q), _turned(k), v)
        x = x + self.o(seen.transpose(1, 2).flatten(2))
        x = x + self.down(functional.gelu(self.up(functional.rms_norm(x, x.shape[-1:]))))
        return self.head(functional.rms_norm(x, x.shape[-1:]))


def _turned(x: Tensor) -> Tensor:
    """Each pair of channels, half a head apart, turned by an angle that grows with the token's place."""
    half = x.shape[-1] // 2
    speeds = 100.0 ** (-torch.arange(half, dtype=x.dtype) / half)
    angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * torch.cat([speeds, speeds])
    one, other = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-other, one], -1) * angles.sin()


def _built(kind: str, **settings: Any) -> tuple[nn.Module, tuple[Tensor, ...]]:
    net = build_net(kind, **settings)
    return net, net.example_inputs()


def _folded() -> tuple[nn.Module, tuple[Tensor, ...]]:
    net, inputs = _built("vit", dim=16, heads=2)
    return fold_norms(net.eval(), inputs=inputs), inputs


NETS = {
    "mlp 3x5": lambda: _built("mlp", hidden=[5] * 3),
    "mlp 5x50": lambda: _built("mlp", hidden=[50] * 5),
    "mlp tanh 4x30": lambda: _built("mlp", hidden=[30] * 4, activation="tanh"),
    "siren 2x32": lambda: _built("siren", hidden=[32, 32]),
    "cnn 3-5-4": lambda: _built("cnn", channels=[3, 5, 4]),
    "cnn 30-50-40": lambda: _built("cnn", channels=[30, 50, 40]),
    "resnet 4": lambda: _built("resnet", width=4, blocks=[2, 2]),
    "resnet 48": lambda: _built("resnet", width=48, blocks=[1]),
    "vit 32": lambda: _built("vit", dim=32, heads=4),
    "two linear layers": lambda: (Deep(), (torch.randn(3, 24),)),
    "adapter": lambda: (Adapter(), (torch.randn(3, 16),)),
    "rotary": lambda: (Rotary(), (torch.randn(2, 6, 5),)),
    "folded vit 16": _folded,
}


def random_net(space: WeightSpace, seed: int) -> Weights:
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, spec in space.tensors.items():
        drawn = torch.randn(spec.shape, generator=generator)
        fan_in = spec.numel / spec.shape[0] if len(spec.axes) > 1 else 1.0
        weights[name] = drawn.abs() if spec.slot == "var" else drawn / fan_in**0.5
        if not spec.dtype.startswith("float"):
            weights[name] = torch.zeros(spec.shape, dtype=torch.int64)
    return weights


def noisy(weights: Weights, share: float, seed: int) -> Weights:
    """Normal noise, a share of each tensor's spread."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: t + share * t.std(correction=0) * torch.randn(t.shape, generator=generator)
        if t.is_floating_point()
        else t
        for name, t in weights.items()
    }


def hidden(space: WeightSpace, weights: Weights, seed: int) -> Weights:
    return space.apply(space.random_symmetry(torch.Generator().manual_seed(seed), kinds=KINDS), weights)


def found(space: WeightSpace, seeds: range, noise: float) -> int:
    """How many of the planted symmetries are found; all of them are looked for in one stack."""
    nets = [random_net(space, seed) for seed in seeds]
    moved = [hidden(space, noisy(net, noise, k + 100), k + 500) for k, net in zip(seeds, nets, strict=True)]
    one, other = ({n: torch.stack([net[n] for net in side]) for n in nets[0]} for side in (nets, moved))
    back = space.apply(align(space, one, other), other)
    weights = [name for name, spec in space.tensors.items() if len(spec.axes) > 1]
    gaps = [(back[n] - one[n]).flatten(1).norm(dim=1) / one[n].flatten(1).norm(dim=1) for n in weights]
    return int((torch.stack(gaps).amax(0) < (0.1 if noise else 0.01)).sum())


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--count", type=int, default=100)
    arguments = parsed(parser)
    for name in arguments.nets:
        torch.manual_seed(0)
        module, inputs = NETS[name]()
        space = WeightSpace.trace(module.eval(), *inputs)
        kinds = {"permutation", *(a.kind for a in space.actions), *(group.kind for group in space.matrices)}
        for noise in (0.0, 0.01):
            clock = Clock()
            right = found(space, range(arguments.count), noise)
            write(arguments.out, "planted", net=name, kinds=sorted(kinds), noise=noise, found=right,
                  of=arguments.count, **clock.read())  # fmt: skip


if __name__ == "__main__":
    main()
