"""Blocks that random architectures are composed of: each takes and gives ``[batch, length, width]``."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.space.nets.sequential import Attention

ACTIVATIONS = {
    "relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu, "sin": torch.sin, "none": lambda h: h,
    "mask": lambda h: h * (h > 0), "clamp": lambda h: h.clamp(-1, 1),
}  # fmt: skip


class Residual(nn.Module):
    """A block around which its input passes."""

    def __init__(self, inner, how):
        super().__init__()
        self.inner, self.how = inner, how

    def forward(self, x):
        y = self.inner(x)
        return x + y if self.how == "add" else torch.cat([x, y], -1) if self.how == "cat" else x * y.sigmoid()


class Mixed(nn.Module):
    """A convolution along the sequence."""

    def __init__(self, width, groups):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1, groups=groups)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


class Gated(nn.Module):
    """A gated unit back to its own width."""

    def __init__(self, width):
        super().__init__()
        self.into, self.out = nn.Linear(width, 12), nn.Linear(6, width)

    def forward(self, x):
        return self.out(F.glu(self.into(x)))


class Folded(nn.Module):
    """A group norm over the neurons of each place."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(2, width)

    def forward(self, x):
        return self.norm(x.flatten(0, 1)).view(x.shape)


class Positions(nn.Module):
    """A table of positions that is longer than the sequences that it is first traced with."""

    def __init__(self, width):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 12, width))

    def forward(self, x):
        return x + self.table[:, : x.shape[1]]


class Normed(nn.Module):
    """A batch norm over the neurons of all places."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class Recurrent(nn.Module):
    """Two layers that read the sequence, of which the second alone is read at all places."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.GRU(width, 5, 2, batch_first=True)
        self.out = nn.Linear(10, width)

    def forward(self, x):
        every, last = self.body(x)
        return self.out(torch.cat([every, last[0][:, None].expand_as(every)], -1))


class Chosen(nn.Module):
    """At each place the two largest neurons, and the expert with the largest score."""

    def __init__(self, width):
        super().__init__()
        self.route, self.experts = nn.Linear(width, 3), nn.Parameter(torch.randn(3, width, width))

    def forward(self, x):
        gain, place = self.route(x).softmax(-1).max(-1)
        winners = x * (x >= x.topk(2, -1)[0][..., 1:])
        return torch.einsum("bti,btoi->bto", winners, self.experts[place]) * gain[..., None]


class Stacked(nn.Module):
    """Two maps, one above the other, read apart and laid flat."""

    def __init__(self, width):
        super().__init__()
        self.one, self.other = nn.Linear(width, 5), nn.Linear(width, 5)
        self.flat, self.out = nn.Linear(10, width), nn.Linear(5, width)

    def forward(self, x):
        both = torch.stack([self.one(x), self.other(x)], 2)
        return self.flat(both.flatten(2).relu()) + self.out(both[:, :, 1])


class Waves(nn.Module):
    """Sine and cosine of a sum of two maps and a constant."""

    def __init__(self, width):
        super().__init__()
        self.one, self.other, self.out = nn.Linear(width, 4), nn.Linear(width, 4), nn.Linear(8, width)

    def forward(self, x):
        angle = self.one(x) + self.other(x.flip(1)) + 0.3
        return self.out(torch.cat([angle.sin(), angle.cos()], -1))


class Activation(nn.Module):
    """A function entry by entry."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, x):
        return ACTIVATIONS[self.name](x)


MAKERS = {
    "linear": lambda w: nn.Linear(w, w), "conv": lambda w: Mixed(w, 1), "grouped": lambda w: Mixed(w, 2),
    "depthwise": lambda w: Mixed(w, w), "norm": nn.LayerNorm, "rms": nn.RMSNorm, "groups": Folded, "glu": Gated,
    # without what passes around it, attention makes all places alike, and then its scores don't matter
    "attention": lambda w: Residual(Attention(w, 2), "add"), "positions": Positions, "batch norm": Normed,
    "recurrent": Recurrent, "chosen": Chosen, "stacked": Stacked, "waves": Waves,
}  # fmt: skip
