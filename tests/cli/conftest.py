"""A folder of somebody's, with a file of nets of their own."""

import sys

import pytest

NETS = """
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = nn.Linear(2, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(x + torch.tanh(self.second(x)))

    def example_inputs(self):
        return (torch.randn(3, 2),)


def small(width: int = 4):
    return Small(width)


def plain():
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def tokens():
    return nn.Sequential(nn.Embedding(2, 3), nn.Linear(3, 2))


def number():
    return 3
"""


@pytest.fixture
def my_folder(tmp_path, monkeypatch):
    """The current folder, with my_nets.py in it."""
    (tmp_path / "my_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path
