"""Fitting a stack of nets on from given weights, all of them for as many steps."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.gradient import Gradient
from weightspace.zoo.train.optimizer import StackedOptimizer, learning_rates


def descend(
    gradient: Gradient,
    rows: Float[Tensor, "nets parameters"],
    targets: Float[Tensor, "nets channels points"],
    train: Hyperparameters,
) -> tuple[Float[Tensor, "nets parameters"], Float[Tensor, "nets steps"]]:
    """Takes ``train.steps`` steps with the arithmetic that zoos are fitted with.

    Args:
        gradient: of `fit_gradient`, at the points of the targets.
        rows: the nets to start from, left as they are. train: how each of them is trained.

    Returns:
        The rows after the last step, and the mean squared errors before each step.
    """
    rows, layout = rows.detach().clone(), gradient.layout
    state = StackedOptimizer.start([train] * len(rows), layout.mask(layout.matrices).to(rows), rows)
    rates = learning_rates([train], torch.arange(1, train.steps + 1).unsqueeze(1)).to(rows)
    errors = []
    for step, rate in enumerate(rates, 1):
        grad, error = gradient(rows, targets)
        errors.append(error.clone())
        state.step(rows, grad, rate.expand(len(rows), 1).contiguous(), step)
    return rows, torch.stack(errors, 1) if errors else rows.new_empty(len(rows), 0)
