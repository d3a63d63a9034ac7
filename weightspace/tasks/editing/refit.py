"""The plain way to edit an implicit representation: fit it on to the edited signal, from the weights that it has."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr import Convention
from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.native.siren import NativeSirenGradient
from weightspace.zoo.train.optimizer import StackedOptimizer
from weightspace.zoo.train.plain_gradient import PlainGradient
from weightspace.zoo.train.siren_gradient import SirenGradient

STACK = 64


def refit(
    weights: Mapping[str, Tensor],
    convention: Convention,
    targets: Float[Tensor, "nets channels points"],
    steps: int,
    lr: float = 2e-3,
) -> dict[str, Tensor]:
    """Fits each of a stack of nets on to its target with Adam, from its own weights, as zoos are fitted.

    Args:
        weights: ``[nets, ...]``. targets: on the grid of the convention. steps: of Adam. lr: its learning rate.
    """
    count = len(targets)
    parts = [
        _refit({name: tensor[part] for name, tensor in weights.items()}, convention, targets[part], steps, lr)
        for part in torch.arange(count).split(STACK)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in weights}


@torch.no_grad()
def _refit(
    weights: Mapping[str, Tensor], convention: Convention, targets: Tensor, steps: int, lr: float
) -> dict[str, Tensor]:
    net = convention.architecture.build().to(targets.device)
    layout, nets = FlatLayout.of(net), len(targets)
    points = convention.points().to(targets)
    buffers = {name: tensor[0] for name, tensor in weights.items() if name in layout.buffers}
    if isinstance(net, SIREN):
        gradient = (NativeSirenGradient if NativeSirenGradient.fits(net, points) else SirenGradient)(net, points)
    else:
        gradient = PlainGradient(net, points, buffers)
    flat = torch.cat([weights[name].reshape(nets, -1) for name in layout.names], 1)
    train = Hyperparameters(optimizer="adam", lr=lr, steps=steps)
    optimizer = StackedOptimizer.start([train] * nets, layout.mask(layout.matrices).to(flat), flat)
    rates = flat.new_full((nets, 1), lr)
    for step in range(1, steps + 1):
        grad, _ = gradient(flat, targets)
        optimizer.step(flat, grad, rates, step)
    return dict(weights) | layout.views(flat)
