"""Loss and gradient of a stack of nets that map coordinates to values, by the fastest way that there is."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.train.native.siren import NativeSirenGradient
from weightspace.zoo.train.siren_gradient import SirenGradient


class PlainGradient:
    """Mean squared error of N nets on one shared grid, and its gradient by autograd; see ``SirenGradient``."""

    def __init__(self, net: nn.Module, coordinates: Float[Tensor, "points axes"], buffers: dict[str, Tensor]):
        self.net, self.coordinates, self.buffers = net, coordinates, buffers
        self.layout, self.device = FlatLayout.of(net), coordinates.device

    def loss(self, flat: Tensor, targets: Float[Tensor, "nets channels points"]) -> Float[Tensor, " nets"]:
        """Mean squared error of every net."""
        buffers = {name: b.expand(len(flat), *b.shape) for name, b in self.buffers.items()}
        out = run_stack(self.net, {**self.layout.views(flat), **buffers}, self.coordinates)
        return (out.transpose(1, 2) - targets).square().mean((1, 2))

    def __call__(self, flat: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient and loss of every net."""
        with torch.enable_grad():
            leaf = flat.detach().requires_grad_()
            losses = self.loss(leaf, targets)
            (grad,) = torch.autograd.grad(losses.sum(), leaf)
        return grad, losses.detach()


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
