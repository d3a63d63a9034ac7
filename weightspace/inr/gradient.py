"""Which way the weights of nets would have to go for their outputs to come nearer to targets."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr import Convention, render_stack


def error_gradient(
    weights: Mapping[str, Tensor],
    convention: Convention,
    points: Float[Tensor, "points axes"],
    targets: Float[Tensor, "nets channels points"],
) -> dict[str, Tensor]:
    """The gradient of each net's mean squared error in its weights, ``[nets, ...]``; a constant to later gradients."""
    with torch.enable_grad():
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
        error = (render_stack(leaves, convention, points) - targets).square().mean((1, 2)).sum()
        grads = torch.autograd.grad(error, list(leaves.values()))
    return dict(zip(leaves, grads, strict=True))
