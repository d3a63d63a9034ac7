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
    """Branches on a value, which no stack can."""
    return Branching()


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(x.flatten(1)) if self.linear.bias.sum() > 0 else self.linear(x.flatten(1) * 2)


@net_factory(inputs=(1, 8, 8))
def few() -> nn.Module:
    """Three classes, where digits have ten."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


@net_factory(inputs=(1, 8, 8))
def nothing():
    """No module."""


def unmarked(width: int = 3) -> nn.Module:
    """Nobody said that recipes may use it."""
    return nn.Linear(64, width)
