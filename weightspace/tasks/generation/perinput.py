"""A last layer for every input, written by a flow: what overfitting would change, learned (OCD)."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from weightspace.generators.flow import Flow
from weightspace.space import WeightSpace
from weightspace.tasks.generation.flows import FlowNets, FlowTraining, train_flow

Features = Float[Tensor, "inputs features"]
Labels = Int[Tensor, " inputs"]
Layers = dict[str, Tensor]


@dataclass(frozen=True)
class Overfitting:
    """How the last layer is brought to know one input by heart.

    Args:
        steps: of gradient descent on this input alone.
        rate: of each, over one more than the square of its features.
    """

    steps: int = 5
    rate: float = 1.0


def overfit(layer: nn.Linear, features: Features, labels: Labels, config: Overfitting) -> Layers:
    """How the layer changes in a few steps on each input by itself, ``[inputs, ...]``."""
    target = functional.one_hot(labels, layer.out_features).to(features)
    weight = features.new_zeros(len(features), *layer.weight.shape)
    bias = features.new_zeros(len(features), layer.out_features)
    rate = config.rate / (1 + features.square().sum(1))[:, None]
    for _ in range(config.steps):
        slope = answer(layer, {"weight": weight, "bias": bias}, features).softmax(1) - target
        weight, bias = weight - (rate * slope)[:, :, None] * features[:, None], bias - rate * slope
    return {"weight": weight, "bias": bias}


def answer(layer: nn.Linear, changes: Layers, features: Features) -> Float[Tensor, "inputs classes"]:
    """What the layer says of each input with the change for this input."""
    weight, bias = layer.weight.detach() + changes["weight"], layer.bias.detach() + changes["bias"]
    return torch.einsum("nof,nf->no", weight, features) + bias


def train_per_input(
    layer: nn.Linear,
    seen: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    overfitting: Overfitting,
    training: FlowTraining,
    **settings: Any,
) -> Flow:
    """A flow from noise to the change of the layer for an input, with the input's features as prompts.

    Args:
        seen: features and labels that it learns from.
        held: those that its parameters are picked by.
        settings: fields of `FlowConfig`.

    Lutati and Wolf 2023, "OCD: learning to overfit with conditional diffusion models".
    """
    space = WeightSpace.trace(layer, seen[0][:2])
    nets = [FlowNets(overfit(layer, *part, overfitting), prompts(part[0])) for part in (seen, held)]
    flow = Flow.for_nets(space, nets[0].weights, nets[0].prompts, **settings)
    return train_flow(flow, nets[0], nets[1], training)


def changes_for(flow: Flow, features: Features, seed: int) -> Layers:
    """A change of the layer for each input; features beyond those seen count as the farthest."""
    within = features.clamp(torch.tensor(flow.config.prompt_low), torch.tensor(flow.config.prompt_high))
    return flow.sample(flow.config.spaces[0], len(features), prompt=prompts(within), seed=seed)


def prompts(features: Features) -> dict[str, Tensor]:
    """Features by name, as a flow takes them."""
    return {f"feature{number}": column for number, column in enumerate(features.unbind(1))}
