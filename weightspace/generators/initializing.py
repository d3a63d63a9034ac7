"""Start a module of one's own from generated weights."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.align import reset_statistics
from weightspace.generators.base import Generator, finite_nets
from weightspace.space import WeightSpace


def initialize(
    module: nn.Module,
    generator: Generator,
    *,
    example_inputs: tuple[Any, ...],
    seed: int,
    condition: Any = None,
    statistics: Tensor | None = None,
    **prompt: float,
) -> nn.Module:
    """Set the weights of a module to one net of a generator, in place.

    Args:
        module: any whose weight space the generator takes. example_inputs: what its ``forward`` takes.
        seed: of the net. prompt: what is asked for, by name.
        condition: see `Generator.sample`; for a generator that takes the net, the module itself if left out.
        statistics: inputs on which the running statistics of batch norms are measured; left out, they stay those that
            the generator gave.

    Returns:
        The module.

    Raises:
        ValueError: the generator can't write nets of this space, or the prompt is outside what it was trained on, or
            the new weights aren't finite; the module is as it was.

    Example::

        initialize(module, generator, example_inputs=(images[:2],), seed=0, accuracy=0.9)
    """
    space = WeightSpace.trace(copy.deepcopy(module).eval(), *example_inputs)
    if condition is None and generator.takes_net:
        condition = module
    drawn = generator.sample(space, 1, prompt=prompt, condition=condition, seed=seed)
    if not finite_nets(drawn).all():
        raise ValueError(
            f"{type(generator).__name__} gave weights that aren't finite with seed {seed}, so the module is as it was. "
            "Take another seed or prompt."
        )
    state = module.state_dict()
    weights = {name: tensor[0].to(state[name].device) for name, tensor in drawn.items()}
    if statistics is not None:
        weights = {**weights, **reset_statistics(copy.deepcopy(module), {**state, **weights}, statistics)}
    set_weights(module, weights)
    return module


@torch.no_grad()
def set_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Write weights into a module, in its own types and on its own device."""
    state = module.state_dict()
    for name, tensor in weights.items():
        state[name].copy_(tensor)
