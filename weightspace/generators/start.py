"""A start that fits implicit representations in a few steps: one set of weights, and a rate for each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.inr import Convention, render_stack
from weightspace.nets.stacked.vectors import vectors
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class LearnedStartConfig(GeneratorConfig):
    """What a `LearnedStart` is told; ``domain["convention"]`` says how its nets are rendered.

    Args:
        steps: of gradient descent that it was trained for.
    """

    steps: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.spaces) != 1 or "convention" not in self.domain:
            raise ValueError(
                "A learned start is for one weight space of implicit representations, and its domain must hold their "
                f"convention; got {len(self.spaces)} spaces and {', '.join(self.domain) or 'nothing'}."
            )
        if self.steps < 1:
            raise ValueError(f"steps must be 1 or more, got {self.steps}.")


S = TypeVar("S", bound="LearnedStart")


class LearnedStart(Generator):
    r"""Nets that a few steps of gradient descent from a learned start fit to signals, each weight at a rate of its own.

    $w_{t+1} = w_t - r \odot \nabla L(w_t)$ from $w_0$; $w_0$ and $r$ are learned through all steps, second order. Li
    et al. 2017, "Meta-SGD: Learning to learn quickly for few-shot learning", equation 2. Points of a signal that
    are NaN are left out of $L$, so that a net shows there what the start learned to expect. Without a condition the
    start itself, the same for every seed: what training on begins from.
    """

    Config: ClassVar[type[LearnedStartConfig]] = LearnedStartConfig
    config: LearnedStartConfig
    conditions = (
        "signals [n, channels, points] on the grid of the convention, to which the nets are fitted; NaN where a signal "
        "isn't given"
    )

    def __init__(self, config: LearnedStartConfig):
        super().__init__(config)
        self.vectors = vectors(config.spaces[0])
        self.convention = Convention.from_dict(config.domain["convention"])
        self.start = nn.Parameter(torch.zeros(len(self.vectors.owners)))
        self.rates = nn.Parameter(torch.zeros(len(self.vectors.owners)))

    @classmethod
    def for_convention(cls: type[S], space: WeightSpace, convention: Convention, **settings: Any) -> S:
        """One for nets of a convention; ``settings`` are further fields of its `Config`."""
        return cls(cls.Config(spaces=(space,), domain={"convention": convention.to_dict()}, **settings))

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        if condition is None:
            return self.vectors.weights(self.start.expand(len(draws), -1).clone())
        points = (self.channels, len(self.convention.points()))
        if tuple(condition.shape) != (len(draws), *points):
            raise ValueError(
                f"The condition must be signals of shape {[len(draws), *points]}, got {list(condition.shape)}."
            )
        if bool(condition.isnan().flatten(1).all(1).any()):
            raise ValueError("Every signal must have points that are given, got one that is NaN everywhere.")
        return self.vectors.weights(self.fit(condition.to(self.start)).detach())

    @property
    def channels(self) -> int:
        """Channels of the signals."""
        return int(self.convention.architecture.settings.get("out_features", 1))

    def loss(self, rows: Float[Tensor, "nets entries"], signals: Float[Tensor, "nets channels points"]) -> Tensor:
        """Mean squared error of each net on the points of its signal that are given (not NaN), ``[nets]``."""
        shown, given = render_stack(self.vectors.weights(rows), self.convention, self.points(rows)), ~signals.isnan()
        errors = torch.where(given, shown - signals.nan_to_num(), 0.0).square()
        return errors.sum((1, 2)) / given.sum((1, 2))

    def points(self, like: Tensor) -> Float[Tensor, "points axes"]:
        """The grid of the convention, where and of the type that a tensor is."""
        return self.convention.points().to(like)

    def fit(self, signals: Float[Tensor, "nets channels points"], steps: int = 0) -> Float[Tensor, "nets entries"]:
        """The nets after ``steps`` steps (as many as it was trained for if 0).

        In training mode they are differentiable in start and rates.
        """
        training = self.training
        with torch.enable_grad():
            rows = self.start.expand(len(signals), -1)
            for _ in range(steps or self.config.steps):
                rows = rows if training else rows.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(self.loss(rows, signals).sum(), rows, create_graph=training)
                rows = rows - self.rates * gradient
        return rows

    def begin(self: S, weights: Mapping[str, Tensor], rate: float) -> S:
        """Set the start to the weights of one net, and every rate to ``rate``."""
        with torch.no_grad():
            self.start.copy_(self.vectors.rows({name: tensor[None] for name, tensor in weights.items()})[0])
            self.rates.fill_(rate)
        return self
