"""Multilayer perceptron."""

from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.activations import ACTIVATIONS, check_activation
from weightspace.nets.bounds import WIDEST, check_between, check_length
from weightspace.nets.net import Net, example_normal

NORMS = ("none", "batch", "layer")


@dataclass(frozen=True)
class MLPConfig:
    """Widths and the activation of an ``MLP``."""

    in_features: int = 64
    hidden: tuple[int, ...] = (32, 32)
    out_features: int = 10
    activation: str = "relu"
    norm: str = "none"
    dropout: float = 0.0

    def __post_init__(self):
        check_activation(self.activation)
        check_between(self, 1, 8 * WIDEST, "in_features")
        check_between(self, 1, WIDEST, "hidden", "out_features")
        check_length(self, 0, "hidden")
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


class MLP(Net):
    """Linear maps with an activation between them; inputs of any shape are flattened.

    ``h <- dropout(activation(norm(W h + b)))`` for each hidden layer, then ``W h + b``.

    Shapes:
        in: ``[batch, ...]`` with ``in_features`` entries an example; out: ``[batch, out_features]``.
    """

    Config = MLPConfig

    def __init__(self, config: MLPConfig | None = None):
        super().__init__(config)
        c = self.config
        widths = (c.in_features, *c.hidden, c.out_features)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        norm = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}[c.norm]
        self.norms = nn.ModuleList(norm(width) for width in c.hidden)
        self.activation = ACTIVATIONS[c.activation]()
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x: Float[Tensor, "batch *input"]) -> Float[Tensor, "batch out"]:
        x = x.flatten(1)
        for linear, norm in zip(self.linears[:-1], self.norms, strict=True):
            x = self.dropout(self.activation(norm(linear(x))))
        return self.linears[-1](x)

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (example_normal(2, self.config.in_features),)
