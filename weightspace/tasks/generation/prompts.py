"""Whether generated nets are what was asked for."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.generators import Generator, finite_nets
from weightspace.tasks.generation.stage import Stage


@dataclass(frozen=True)
class Response:
    """How a property of generated nets follows the prompt.

    Args:
        rank: Spearman's correlation of what was asked for and what came.
        slope: of the straight line of least squares; 1 for a generator that does what it is told.
    """

    rank: float
    slope: float


def prompt_response(stage: Stage, generator: Generator, prompt: str, nets: int, seed: int) -> Response:
    """Ask for values spread evenly over the range of a prompt, and measure the accuracy of what comes on test images.

    Raises:
        ValueError: the generator doesn't know the prompt, or fewer than three nets are finite.
    """
    c = generator.config
    if prompt not in c.prompts:
        raise ValueError(
            f"{type(generator).__name__} can be asked for {', '.join(c.prompts) or 'nothing'}, got {prompt}."
        )
    place = c.prompts.index(prompt)
    asked = torch.linspace(c.prompt_low[place], c.prompt_high[place], nets)
    net = stage.module if generator.takes_net else None
    drawn = generator.sample(stage.space, nets, prompt={prompt: asked}, condition=net, seed=seed)
    finite = finite_nets(drawn)
    if finite.sum() < 3:
        raise ValueError(f"Three finite nets are needed to see what follows a prompt, got {int(finite.sum())}.")
    got = stage.correct(stage.logits({name: tensor[finite] for name, tensor in drawn.items()}))
    return follows(asked[finite], got)


def follows(asked: Float[Tensor, " nets"], got: Float[Tensor, " nets"]) -> Response:
    """Rank correlation and slope of two rows of numbers; 0 where one of them doesn't vary."""
    asked, got = asked.double(), got.double()
    ranks = [_centered(_ranks(values)) for values in (asked, got)]
    size = (ranks[0].square().sum() * ranks[1].square().sum()).sqrt()
    x = _centered(asked)
    return Response(
        float((ranks[0] * ranks[1]).sum() / size) if size > 0 else 0.0,
        float((x * got).sum() / x.square().sum()) if x.abs().max() > 0 else 0.0,
    )


def _ranks(values: Tensor) -> Tensor:
    """Ranks; equal values share the mean of theirs."""
    below = (values[:, None] > values[None]).sum(1)
    return below + 0.5 * ((values[:, None] == values[None]).sum(1) - 1)


def _centered(values: Tensor) -> Tensor:
    return values.double() - values.double().mean()
