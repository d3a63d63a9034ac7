"""Nets of a user's own, as a module beside a script would have them."""

import torch
from torch import nn

from weightspace.nets import net_factory


@net_factory(inputs=(1, 8, 8))
def thin(width: int = 6, norm: bool = False, hidden=(5,)) -> nn.Module:
    """Convolution, norm, dropout, and a bare parameter."""
    layers = [nn.Conv2d(1, width, 3, stride=2), nn.BatchNorm2d(width) if norm else nn.Identity(), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(9 * width, hidden[0]), nn.Tanh())
    return nn.Sequential(net, Scaled(hidden[0]))


class Scaled(nn.Module):
    """A linear layer whose outputs are scaled by a parameter of its own."""

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Linear(width, 10)
        self.scale = nn.Parameter(torch.rand(10) + 0.5)

    def forward(self, x):
        return self.scale * self.linear(x)


@net_factory(inputs=(2,), task="fit")
def bumps(width: int = 8) -> nn.Module:
    """Coordinates to one value."""
    return nn.Sequential(nn.Linear(2, width), nn.GELU(), nn.Linear(width, 1))


@net_factory(inputs=(1, 8, 8))
def branching() -> nn.Module:
    """Branches on a value, which torch.func can't stack."""
    return Branching()


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(x.flatten(1)) if self.linear.bias.sum() > 0 else self.linear(x.flatten(1) * 2)


@net_factory(inputs=(1, 8, 8))
def fails() -> nn.Module:
    """Takes other shapes than it says."""
    return nn.Sequential(nn.Flatten(), nn.Linear(63, 10))


@net_factory(inputs=(1, 8, 8))
def few() -> nn.Module:
    """Three classes, where digits have ten."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


@net_factory(inputs=(6,), whole=True)
def reader(width: int = 4) -> nn.Module:
    """An LSTM over token ids, which has no batching rule."""
    return Reader(width)


class Reader(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.lstm = nn.LSTM(3, width, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        states, _ = self.lstm(self.embedding(x))
        return self.last(self.dropout(states[:, -1]))


@net_factory(inputs=(6,), whole=True)
def noisy() -> nn.Module:
    """Draws random numbers of its own."""
    return nn.Sequential(nn.Embedding(7, 3), Noisy(), nn.Flatten(), nn.Linear(18, 2))


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x) if self.training else x


@net_factory(inputs=(1, 8, 8))
def nothing():
    """No module."""


def unmarked(width: int = 3) -> nn.Module:
    """Nobody said that recipes may use it."""
    return nn.Linear(64, width)
