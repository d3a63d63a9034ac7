"""Loss and gradient of a stack of nets that map coordinates to values, by the fastest way that there is."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.siren import SIREN
from weightspace.zoo.train.native.siren import NativeSirenGradient
from weightspace.zoo.train.plain_gradient import PlainGradient
from weightspace.zoo.train.siren_gradient import SirenGradient

Gradient = NativeSirenGradient | SirenGradient | PlainGradient
"""Gives gradients and losses of rows ``[nets, parameters]`` for targets ``[nets, channels, points]``."""


def fit_gradient(
    net: nn.Module, coordinates: Float[Tensor, "points axes"], buffers: Mapping[str, Tensor] | None = None
) -> Gradient:
    """The gradient of the mean squared error at the coordinates: compiled for SIRENs on a CPU, else in PyTorch.

    Args:
        net: says what to do; its own weights are not read.
        buffers: those of every net, where the net has some; the net's own if None.
    """
    if isinstance(net, SIREN):
        native = NativeSirenGradient.fits(net, coordinates)
        return (NativeSirenGradient if native else SirenGradient)(net, coordinates)
    return PlainGradient(net, coordinates, dict(net.named_buffers() if buffers is None else buffers))
