"""Small architectures whose weights are laid out or read in unusual ways: for graphs, and for canonical forms."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.space.nets import products
from tests.space.nets.layered import Built, Code
from tests.space.nets.products import With
from weightspace.space import WeightSpace


def channel_padding() -> Built:
    """A shortcut whose missing channels are zero, as in the first ResNets."""

    def forward(m, x):
        a = m.a(x).relu()
        return m.o(F.pad(a, (0, 0, 0, 0, 0, 4)) + m.c(m.b(a).relu()))

    parts = {"a": nn.Conv2d(3, 4, 1), "b": nn.Conv2d(4, 5, 3, padding=1), "c": nn.Conv2d(5, 8, 1)}
    return Code(forward, **parts, o=nn.Conv2d(8, 2, 1)), (torch.randn(2, 3, 5, 5),)


def coordinate_channels() -> Built:
    """Two channels of coordinates beside the neurons of every layer."""

    def forward(m, x):
        rows = torch.linspace(-1, 1, 5)[:, None].expand(len(x), 1, 5, 5)
        where = torch.cat([rows, rows.transpose(2, 3)], 1)
        h = m.a(torch.cat([x, where], 1)).relu()
        return m.o(m.b(torch.cat([h, where], 1)).relu())

    return Code(forward, a=nn.Conv2d(5, 6, 3, padding=1), b=nn.Conv2d(8, 6, 1), o=nn.Conv2d(6, 2, 1)), (
        torch.randn(2, 3, 5, 5),
    )


def minibatch_deviation() -> Built:
    """One channel with the deviation over the batch, as at the end of a discriminator."""

    def forward(m, x):
        h = m.a(x).relu()
        spread = h.std(0).mean().expand(len(h), 1, *h.shape[2:])
        return m.o(m.b(torch.cat([h, spread], 1)).relu().flatten(1))

    return Code(forward, a=nn.Conv2d(3, 6, 1), b=nn.Conv2d(7, 4, 1), o=nn.Linear(64, 2)), (torch.randn(3, 3, 4, 4),)


def _rotated(h: Tensor, turned: int) -> Tensor:
    angle = torch.arange(h.shape[-2])[:, None] * torch.tensor([1.0, 0.1])[: turned // 2]
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    part, rest = h[..., :turned], h[..., turned:]
    half = turned // 2
    turned_part = part * cos + torch.cat([-part[..., half:], part[..., :half]], -1) * sin
    return torch.cat([turned_part, rest], -1)


def partial_rotary() -> Built:
    """Rotary positions on the first channels of each head alone."""

    def forward(m, x):
        h = m.embed(x)
        q, k, v = m.qkv(h).view(*h.shape[:2], 3, 2, 8).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(_rotated(q, 4), _rotated(k, 4), v)
        return m.o(h + m.proj(y.transpose(1, 2).flatten(2)))

    parts = {"embed": nn.Linear(5, 16), "qkv": nn.Linear(16, 48), "proj": nn.Linear(16, 16), "o": nn.Linear(16, 2)}
    return Code(forward, **parts), (torch.randn(2, 6, 5),)


def shuffled_channels() -> Built:
    """Grouped convolutions with a channel shuffle between them."""

    def forward(m, x):
        h = F.channel_shuffle(m.a(x).relu(), 2)
        h = F.channel_shuffle(m.b(h).relu(), 4)
        return m.o(m.c(h).relu())

    parts = {"a": nn.Conv2d(4, 8, 1, groups=2), "b": nn.Conv2d(8, 16, 3, groups=2), "c": nn.Conv2d(16, 8, 1, groups=4)}
    return Code(forward, **parts, o=nn.Conv2d(8, 2, 1)), (torch.randn(2, 4, 6, 6),)


def split_and_shuffled() -> Built:
    """Half of the channels pass by, then halves change places: the units of ShuffleNet V2."""

    def forward(m, x):
        h = m.a(x).relu()
        for conv in (m.b, m.c):
            one, two = h.chunk(2, 1)
            h = F.channel_shuffle(torch.cat([one, conv(two).relu()], 1), 2)
        return m.o(h.mean((2, 3)))

    parts = {"a": nn.Conv2d(3, 8, 1), "b": nn.Conv2d(4, 4, 3, padding=1), "c": nn.Conv2d(4, 4, 3, padding=1)}
    return Code(forward, **parts, o=nn.Linear(8, 2)), (torch.randn(2, 3, 5, 5),)


def empty_tensors() -> Built:
    """A layer of no neurons beside another, and a parameter without entries."""

    def forward(m, x):
        return m.o(torch.cat([m.a(x).relu(), m.none(x)], -1)) + m.nothing.sum()

    return With(forward, {"nothing": (0, 3)}, a=nn.Linear(4, 6), none=nn.Linear(4, 0), o=nn.Linear(6, 2)), (
        torch.randn(3, 4),
    )


def constant_output() -> Built:
    """One output doesn't depend on the input, and one on nothing but a parameter."""

    def forward(m, x):
        return m.o(m.a(x).tanh()), torch.ones(len(x), 2), m.shift.expand(len(x), 3)

    return With(forward, {"shift": (3,)}, a=nn.Linear(4, 6), o=nn.Linear(6, 2)), (torch.randn(3, 4),)


def sine_blocks() -> Built:
    """Residual blocks of sines, as in nets that fit volumes."""

    def forward(m, x):
        h = torch.sin(m.a(x))
        for one, two in ((m.b, m.c), (m.d, m.e)):
            h = 0.5 * (h + torch.sin(two(torch.sin(one(h)))))
        return m.o(h)

    parts = {name: nn.Linear(8, 8) for name in "bcde"}
    return Code(forward, a=nn.Linear(2, 8), **parts, o=nn.Linear(8, 1)), (torch.randn(5, 2),)


def two_streams() -> Built:
    """Two coordinate nets, one that modulates the other's sines."""

    def forward(m, x, z):
        h, g = torch.sin(m.a(x)), torch.sin(m.u(z))
        h, g = torch.sin(m.b(h) * g + m.s), torch.sin(m.v(g))
        return m.o(torch.sin(m.c(h)) * g)

    parts = {"a": nn.Linear(2, 8), "u": nn.Linear(3, 8), **{name: nn.Linear(8, 8) for name in "bvc"}}
    return With(forward, {"s": (8,)}, **parts, o=nn.Linear(8, 1)), (torch.randn(5, 2), torch.randn(5, 3))


UNUSUAL = {
    build.__name__: build
    for build in (
        channel_padding, coordinate_channels, minibatch_deviation, partial_rotary, shuffled_channels,
        split_and_shuffled, empty_tensors, constant_output, sine_blocks, two_streams, *products.ALL,
    )
}  # fmt: skip


def unusual(name: str) -> Built:
    """A module in float64 and its inputs, the same at every call, with weights in general position."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, args = UNUSUAL[name]()
        for parameter in module.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return module.double(), tuple(arg.double() for arg in args)


@cache
def unusual_space(name: str) -> WeightSpace:
    """Its verified space, traced once a test process."""
    module, args = unusual(name)
    return WeightSpace.trace(module.float(), *(arg.float() for arg in args))
