"""The last layer of nets, solved for: the best that the neurons below it can render."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.inr import Convention, render_stack


def solve_readout(
    weights: Mapping[str, Tensor],
    convention: Convention,
    points: Float[Tensor, "points axes"],
    targets: Float[Tensor, "nets channels points"],
    ridge: float,
) -> dict[str, Tensor]:
    r"""The nets with the last layer that comes nearest to the targets, differentiable in the layers below.

    $W + \Delta$ with $\Delta = R H^\top (H H^\top + \lambda P I)^{-1}$, where $H$ holds the last hidden neurons and a
    one at each of the $P$ points, and $R = T - W H$ what is missing to the targets. Permuting neurons or turning their
    signs permutes and turns the solution.

    Args:
        weights: ``[nets, ...]`` of SIRENs. ridge: $\lambda$, which keeps the change small.
    """
    last = max(int(name.split(".")[1]) for name in weights)
    weight, bias = f"linears.{last}.weight", f"linears.{last}.bias"
    matrix = torch.cat([weights[weight], weights[bias].unsqueeze(2)], 2)
    hidden = _hidden(weights, convention, points, weight, bias)
    missing = targets - render_stack(weights, convention, points)
    count = points.shape[0]
    gram = hidden @ hidden.transpose(1, 2) / count
    gram = gram + ridge * torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    change = torch.linalg.solve(gram, hidden @ missing.transpose(1, 2) / count).transpose(1, 2)
    return dict(weights) | {weight: (matrix + change)[..., :-1], bias: (matrix + change)[..., -1]}


def _hidden(weights: Mapping[str, Tensor], convention: Convention, points: Tensor, weight: str, bias: str) -> Tensor:
    """The last hidden neurons at the points, and a one: what nets render whose last layer is the identity."""
    nets, _, width = weights[weight].shape
    like = weights[weight]
    identity = torch.eye(width, dtype=like.dtype, device=like.device).expand(nets, -1, -1)
    hidden = render_stack(dict(weights) | {weight: identity, bias: like.new_zeros(nets, width)}, convention, points)
    hidden = hidden - convention.architecture.settings["output_shift"]
    return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1)
