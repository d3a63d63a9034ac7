"""Implicit neural representations with sine activations."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.activations import Sine
from weightspace.nets.bounds import WIDEST, check_between, check_length
from weightspace.nets.net import Net


@dataclass(frozen=True)
class SIRENConfig:
    """Widths, frequency and conventions of a ``SIREN``; the conventions are stored with every zoo."""

    in_features: int = 2
    hidden: tuple[int, ...] = (32, 32)
    out_features: int = 1
    w0: float = 30.0
    w0_hidden: float = 30.0
    first_layer: str = "same"
    output_shift: float = 0.5

    def __post_init__(self):
        if self.first_layer not in ("same", "siren"):
            raise ValueError(f"first_layer must be one of same, siren, got {self.first_layer!r}")
        check_between(self, 1, WIDEST, "in_features", "hidden", "out_features")
        check_length(self, 1, "hidden")
        check_between(self, 0.001, 10_000.0, "w0", "w0_hidden")
        check_between(self, -1e6, 1e6, "output_shift")


class SIREN(Net):
    """``sin(w0 (W h + b))`` layer by layer, then a linear map plus ``output_shift``.

    Sitzmann et al. 2020, "Implicit neural representations with periodic activation functions". Weights start at
    ``U(-sqrt(6 / fan_in) / w0, ...)``, biases at zero. With ``first_layer="same"`` the rule holds for the first
    layer too, as in the fits of Navon et al. 2023 (DWSNets); ``"siren"`` starts it at ``U(-1 / fan_in, ...)``.

    Shapes:
        in: ``[batch, in_features]``, coordinates in [-1, 1]; out: ``[batch, out_features]``.
    """

    Config = SIRENConfig
    task = "fit"

    def __init__(self, config: SIRENConfig | None = None):
        super().__init__(config)
        c = self.config
        widths = (c.in_features, *c.hidden, c.out_features)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.sines = nn.ModuleList(Sine(c.w0 if layer == 0 else c.w0_hidden) for layer in range(len(c.hidden)))
        self.bounds = {name: self._bound(name) for name, _ in self.named_parameters()}
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws new weights by the rule above."""
        for name, parameter in self.named_parameters():
            nn.init.uniform_(parameter, -self.bounds[name], self.bounds[name], generator=generator)

    def _bound(self, name: str) -> float:
        _, layer, kind = name.split(".")
        fan_in = self.linears[int(layer)].get_parameter("weight").shape[1]
        if kind == "bias":
            return 0.0
        if layer == "0" and self.config.first_layer == "siren":
            return 1 / fan_in
        return math.sqrt(6 / fan_in) / (self.config.w0 if layer == "0" else self.config.w0_hidden)

    def forward(self, x: Float[Tensor, "batch coordinate"]) -> Float[Tensor, "batch channel"]:
        for linear, sine in zip(self.linears[:-1], self.sines, strict=True):
            x = sine(linear(x))
        return self.linears[-1](x) + self.config.output_shift

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (torch.rand(2, self.config.in_features, generator=torch.Generator().manual_seed(0)) * 2 - 1,)
