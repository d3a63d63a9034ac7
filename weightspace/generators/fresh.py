"""New nets as they are before any training."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from weightspace.generators.base import Generator, GeneratorConfig, Prompts
from weightspace.generators.draws import Draws
from weightspace.space import WeightSpace
from weightspace.space.parts import TensorSpec
from weightspace.zoo.train.initial import draw_matrix

RULES = ("torch", "he", "xavier", "orthogonal", "normal", "truncated", "uniform", "zero")


@dataclass(frozen=True)
class FreshConfig(GeneratorConfig):
    """What `Fresh` is told.

    Args:
        init: ``"torch"`` (evenly within one over the root of the fan-in, biases too), or a rule of a recipe's ``init``.
        scale: a factor on all weights.
    """

    init: str = "he"
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.init not in RULES:
            raise ValueError(f"init must be one of {', '.join(RULES)}, got {self.init!r}.")
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"scale must be above 0, got {self.scale}.")


F = TypeVar("F", bound="Fresh")


class Fresh(Generator):
    """Untrained nets of any architecture: matrices by a rule, biases zero, norms the identity.

    What training starts from without learning; every start is judged against it.
    """

    Config: ClassVar[type[FreshConfig]] = FreshConfig
    config: FreshConfig
    any_space = True

    @classmethod
    def for_spaces(cls: type[F], *spaces: WeightSpace, **settings: Any) -> F:
        """For nets of these spaces, and any others; ``settings`` are fields of its `Config`."""
        return cls(cls.Config(spaces=spaces, **settings))

    def draw(self, space: WeightSpace, draws: Draws, wanted: Prompts, condition: Any) -> dict[str, Tensor]:
        fans = _fans(space)
        nets = [
            {name: self._tensor(spec, fans[name], source) for name, spec in space.tensors.items()}
            for source in draws.sources
        ]
        return {name: torch.stack([net[name] for net in nets]).to(draws.device) for name in space.tensors}

    def _tensor(self, spec: TensorSpec, fan: int, source: torch.Generator) -> Tensor:
        dtype = getattr(torch, spec.dtype)
        shape = tuple(size or 0 for size in spec.shape)
        if spec.role != "weight" or len(shape) < 2:
            if self.config.init == "torch" and spec.slot == "bias":
                return ((torch.rand(shape, generator=source) * 2 - 1) / math.sqrt(fan)).to(dtype)
            return torch.full(shape, float(spec.slot in ("scale", "var"))).to(dtype)
        if self.config.init == "torch":
            drawn = (torch.rand(shape, generator=source) * 2 - 1) / math.sqrt(fan)
        else:
            drawn = draw_matrix(self.config.init, shape, source)
        return (drawn * self.config.scale).to(dtype)


def _fans(space: WeightSpace) -> dict[str, int]:
    """For each tensor the entries that feed one neuron; of a bias, those of the weights that lead to its site."""
    own = {n: math.prod(size or 0 for size in spec.shape[1:]) for n, spec in space.tensors.items()}
    sites = {spec.target_site: own[n] for n, spec in space.tensors.items() if spec.role == "weight"}
    return {n: sites.get(spec.target_site, 1) if spec.slot == "bias" else own[n] for n, spec in space.tensors.items()}
