"""Implicit neural representation with random Fourier features."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.activations import ACTIVATIONS, check_activation
from weightspace.nets.bounds import LARGEST_SEED, WIDEST, check_between, check_length
from weightspace.nets.net import Net


@dataclass(frozen=True)
class FourierMLPConfig:
    """Widths and features of a ``FourierMLP``."""

    in_features: int = 2
    features: int = 32
    scale: float = 3.0
    feature_seed: int = 0
    hidden: tuple[int, ...] = (32, 32)
    out_features: int = 1
    activation: str = "relu"

    def __post_init__(self):
        check_activation(self.activation)
        check_between(self, 1, WIDEST, "in_features", "features", "hidden", "out_features")
        check_length(self, 0, "hidden")
        check_between(self, 0.0, 10_000.0, "scale")
        check_between(self, 0, LARGEST_SEED, "feature_seed")


class FourierMLP(Net):
    """A multilayer perceptron on ``sin(2 pi B x)`` and ``cos(2 pi B x)``, ``B`` normal with deviation ``scale``.

    Tancik et al. 2020, "Fourier features let networks learn high frequency functions". ``B`` is a buffer drawn from
    ``feature_seed``, the same for all nets of a configuration, and is not trained.

    Shapes:
        in: ``[batch, in_features]``, coordinates in [-1, 1]; out: ``[batch, out_features]``.
    """

    Config = FourierMLPConfig
    task = "fit"
    frequencies: Tensor

    def __init__(self, config: FourierMLPConfig | None = None):
        super().__init__(config)
        c = self.config
        generator = torch.Generator().manual_seed(c.feature_seed)
        self.register_buffer("frequencies", c.scale * torch.randn(c.features, c.in_features, generator=generator))
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise((2 * c.features, *c.hidden, c.out_features)))
        self.activation = ACTIVATIONS[c.activation]()

    def forward(self, x: Float[Tensor, "batch coordinate"]) -> Float[Tensor, "batch channel"]:
        phases = 2 * math.pi * (x @ self.frequencies.T)
        x = torch.cat([phases.sin(), phases.cos()], 1)
        for linear in self.linears[:-1]:
            x = self.activation(linear(x))
        return self.linears[-1](x)

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (torch.rand(2, self.config.in_features, generator=torch.Generator().manual_seed(0)) * 2 - 1,)
