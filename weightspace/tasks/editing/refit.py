"""The plain way to edit an implicit representation: fit it on to the edited signal, from the weights that it has."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr import Convention
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.descent import descend
from weightspace.zoo.train.gradient import fit_gradient

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
    net = convention.architecture.build().to(targets.device)
    gradient = fit_gradient(net, convention.points().to(targets))
    layout, train = gradient.layout, Hyperparameters(optimizer="adam", lr=lr, steps=steps)
    stacks = zip(layout.rows(weights).split(STACK), targets.split(STACK), strict=True)
    return dict(weights) | layout.views(torch.cat([descend(gradient, rows, part, train)[0] for rows, part in stacks]))
