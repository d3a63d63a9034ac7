"""The activations that nets know by name."""

from torch import Tensor, nn


class Sine(nn.Module):
    """``sin(w0 x)``."""

    def __init__(self, w0: float = 1.0):
        super().__init__()
        self.w0 = w0

    def forward(self, x: Tensor) -> Tensor:
        return (self.w0 * x).sin()

    def extra_repr(self) -> str:
        return f"w0={self.w0}"


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "sin": Sine,
    "none": nn.Identity,
}


def check_activation(name: str) -> None:
    """Refuses a name that is not in ``ACTIVATIONS``.

    Raises:
        ValueError: lists the known names.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
