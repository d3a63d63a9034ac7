"""A stack of SIRENs as batched matrix products."""

from torch import Tensor

from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.dropout import Noise
from weightspace.nets.stacked.mlp import linear


def run_sirens(net: SIREN, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack; see ``run_stack``."""
    assert noise is None
    x = x.expand(len(weights["linears.0.weight"]), -1, -1) if x.dim() == 2 else x
    for layer, sine in enumerate(net.sines):
        x = sine(linear(weights, f"linears.{layer}", x))
    return linear(weights, f"linears.{len(net.sines)}", x) + net.config.output_shift
