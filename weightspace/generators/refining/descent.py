"""Steps of gradient descent on the nets that a refiner writes, through the last layer that is solved in each."""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from weightspace.nets.stacked.lastlayer import body_gradients, last_layer
from weightspace.space import WeightSpace
from weightspace.space.parts import TensorSpec

STRENGTHS = ("weight", "bias", "scale", "shift", "other")
"""Kinds of tensors that have a rate and factors of their own."""

FIRST_RATES, LAST_SHARE = (0.14, 0.14, 0.011, 0.035, 0.1), 0.1
"""Rates of the first step before training, by kind, and what share of them the last step has."""

STILL = 0.1
"""Below this the mean of unit gradients is taken as it is: what is left is noise, as of biases before a batch norm."""


def first_rates(descents: int) -> Float[Tensor, "descents kinds"]:
    """What rates begin with: falling on a straight line over the steps."""
    return torch.linspace(1, LAST_SHARE, descents)[:, None] * torch.tensor(FIRST_RATES)


def descend(
    space: WeightSpace,
    net: nn.Module,
    weights: Mapping[str, Tensor],
    examples: tuple[Tensor, Int[Tensor, " examples"]],
    rates: Float[Tensor, "descents kinds"],
    ridge: float,
    batch: int = 0,
    momentum: float = 0.0,
) -> dict[str, Tensor]:
    """Nets after steps of gradient descent on examples; differentiable in weights and rates, but for the gradient.

    A step has the length of its rate, whatever the gradients before were: times the size of the tensor for matrices and
    kernels, in units for vectors. The gradient is that of `body_gradients`.

    Args:
        net: one of the space, whose batch norms take the statistics of the batch.
        examples: inputs and labels. rates: of each step. ridge: penalty of the last layer.
        batch: examples of each step; 0 takes all. momentum: share of the gradients before in each step.
    """
    found, last, moving = dict(weights), last_layer(space), {}
    for step, some in zip(rates, batches(len(examples[1]), batch), strict=False):
        inputs, labels = (part[some.to(part.device)] for part in examples)
        for name, gradient in body_gradients(net, space, found, last, inputs, labels, ridge).items():
            spec, way = space.tensors[name], gradient / size(gradient)
            moving[name] = (1 - momentum) * way + momentum * moving.get(name, way)
            rate = step[kind(spec)] * (size(found[name].detach()) if spec.role == "weight" else 1.0)
            found[name] = found[name] - rate * moving[name] / size(moving[name]).clamp_min(STILL)
    return found


def batches(examples: int, batch: int) -> Iterator[Int[Tensor, " batch"]]:
    """Rows of examples, pass after pass, each in a random order that is the same every time."""
    source = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(examples, generator=source)
        yield from (some for some in order.split(batch or examples) if len(some) == (batch or examples))


def kind(spec: TensorSpec) -> int:
    """Which of `STRENGTHS` a tensor is."""
    return STRENGTHS.index(spec.slot if spec.slot in STRENGTHS else "other")


def size(tensor: Tensor) -> Tensor:
    """Root mean square of every net's tensor, to divide it by."""
    return tensor.flatten(1).square().mean(1).add(1e-12).sqrt().reshape(-1, *[1] * (tensor.ndim - 1))


def scaled_back(nets: Mapping[str, Tensor], before: Mapping[str, Tensor], last: str) -> dict[str, Tensor]:
    """The nets with the answers of their last layer made smaller, where its matrix is larger than it was before."""
    matrix, bias = nets[f"{last}.weight"], nets[f"{last}.bias"]
    share = (size(before[f"{last}.weight"]) / size(matrix)).clamp_max(1.0)
    return {**nets, f"{last}.weight": share * matrix, f"{last}.bias": share.flatten(1) * bias}
