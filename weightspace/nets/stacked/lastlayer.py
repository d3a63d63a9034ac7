"""The last layer of a stack of nets, solved on labelled examples."""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.statistics import fit_statistics
from weightspace.space import WeightSpace

FLOOR = 1e-2
"""What the variance of a feature is at least, as a share of the mean variance of all features of its net."""

STEPS = 20
"""Of Newton's method where nets are finished; the loss then changes in the fifth digit."""

RIDGE = 3e-3
"""Strength of the penalty, where nobody learned another one."""

KNOWN, SHORT = 0.7, 4
"""Where a gradient goes through the solving: the share of examples on which the layer is solved, Newton's steps."""

NEAR = 1e-3
"""How far, relative to the largest answer, a net may be from what its last layer was solved for."""


def last_layer(space: WeightSpace) -> str:
    """The name of the linear layer with a bias that gives the answers.

    Raises:
        ValueError: the answers come from something else.
    """
    found = [
        name.removesuffix(".weight")
        for name, spec in space.tensors.items()
        if spec.role == "weight" and spec.target_site is not None and space.sites[spec.target_site].kind == "output"
    ]
    linear = [name for name in found if space.tensors[f"{name}.weight"].op == "linear"]
    if len(found) != 1 or not linear or f"{found[0]}.bias" not in space.tensors:
        raise ValueError(
            "The net must end in one linear layer with a bias, whose weights are solved, got "
            f"{', '.join(found) or 'none'} at its outputs. Add such a layer."
        )
    return found[0]


def check_net(net: nn.Module, space: WeightSpace, weights: Mapping[str, Tensor]) -> None:
    """See that a net has the tensors of a stack.

    Raises:
        ValueError: others.
    """
    own = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    wrong = [name for name, tensor in weights.items() if own.get(name) != tuple(tensor.shape[1:])]
    if wrong:
        raise ValueError(f"The net must be one of the weight space {space.hash}, but differs in {', '.join(wrong)}.")


def body_gradients(
    net: nn.Module,
    space: WeightSpace,
    weights: Mapping[str, Tensor],
    last: str,
    inputs: Tensor,
    labels: Tensor,
    ridge: float,
) -> dict[str, Tensor]:
    """The gradient of every net's cross-entropy in all parameters but those of its last layer, which is solved.

    The layer is solved on the first `KNOWN` of the examples and judged on all of them, and the gradient goes through
    the solving: features are wanted on which a solved layer answers well what it wasn't solved on. Bertinetto et al.
    2019, "Meta-learning with differentiable closed-form solvers", section 3.
    """
    fixed = {name: tensor.detach().clone() for name, tensor in weights.items()}
    names = [n for n, spec in space.tensors.items() if not spec.buffer and not n.startswith(f"{last}.")]
    known = max(1, int(KNOWN * len(labels)))
    with torch.enable_grad():
        leaves = {name: fixed[name].requires_grad_() for name in names if fixed[name].is_floating_point()}
        features, classes = last_features(net, fixed, last, inputs), fixed[f"{last}.weight"].shape[1]
        weight, bias = solve_layer(features[:, :known], labels[:known], classes, ridge, SHORT)
        losses = cross_entropies(features @ weight.mT + bias[:, None], labels).mean(1)
        return dict(zip(leaves, torch.autograd.grad(losses.sum(), list(leaves.values())), strict=True))


def last_features(
    net: nn.Module, weights: Mapping[str, Tensor], last: str, inputs: Tensor
) -> Float[Tensor, "nets batch features"]:
    """What the last layer of every net of a stack is given for some inputs: the net with the identity in its place."""
    like = weights[f"{last}.weight"]
    identity, zero = (
        torch.eye(like.shape[2]).to(like).expand(len(like), -1, -1),
        like.new_zeros(len(like), like.shape[2]),
    )
    return run_stack(net, {**weights, f"{last}.weight": identity, f"{last}.bias": zero}, inputs)


def solve_layer(
    features: Float[Tensor, "nets batch features"],
    labels: Int[Tensor, " batch"],
    classes: int,
    ridge: float | Tensor,
    steps: int = STEPS,
) -> tuple[Float[Tensor, "nets classes features"], Float[Tensor, "nets classes"]]:
    r"""Weights and biases of softmax regression with a penalty, ``ridge / 2`` times their square; differentiable.

    Newton's method with $\tfrac12 X^T X$ in place of the Hessian, which it never exceeds, so that one factorisation
    serves all steps and the loss never rises. Features are centred and divided by their spread before. Böhning 1992,
    "Multinomial logistic regression algorithm", theorem 2.
    """
    count, mean = features.shape[1], features.mean(1, keepdim=True)
    variance = features.var(1, correction=0, keepdim=True)
    spread = (variance + FLOOR * variance.mean(2, keepdim=True) + 1e-12).sqrt()
    x = torch.cat([(features - mean) / spread, torch.ones_like(features[:, :, :1])], 2)
    factor = torch.linalg.cholesky(x.mT @ x / count + 2 * ridge * torch.eye(x.shape[2]).to(x))
    target = functional.one_hot(labels, classes).to(x)
    solved = x.new_zeros(len(x), x.shape[2], classes)
    for _ in range(steps):
        slope = x.mT @ (target - (x @ solved).softmax(2)) / count - ridge * solved
        solved = solved + 2 * torch.cholesky_solve(slope, factor)
    weight = solved[:, :-1] / spread.mT
    bias = solved[:, -1] - (mean @ weight).squeeze(1)
    return weight.mT.contiguous(), bias


@torch.no_grad()
def finish_nets(
    net: nn.Module, space: WeightSpace, weights: Mapping[str, Tensor], inputs: Tensor, labels: Tensor, ridge: float
) -> dict[str, Tensor]:
    """The stack with batch norms measured and the last layer solved on labelled examples.

    Args:
        net: one net of the architecture, in evaluation mode; its own weights are not read.

    Raises:
        ValueError: the net doesn't end in a linear layer, or does more after it.
    """
    last, measured = last_layer(space), fit_statistics(net, weights, inputs)
    features, like = last_features(net, measured, last, inputs), measured[f"{last}.weight"]
    classes = like.shape[1]
    weight, bias = (part.to(like) for part in solve_layer(features.double(), labels, classes, ridge))
    solved = {**measured, f"{last}.weight": weight, f"{last}.bias": bias}
    wanted = features @ weight.mT + bias[:, None]
    if not torch.allclose(run_stack(net, solved, inputs), wanted, rtol=0, atol=NEAR * (1 + float(wanted.abs().max()))):
        raise ValueError(f"The net must answer with what its last layer {last} gives, but does more after it.")
    return solved
