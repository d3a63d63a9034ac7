"""The base of the small nets that zoos are made of."""

import abc
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn


class Net(nn.Module, abc.ABC):
    """A small net described by one frozen ``Config``.

    Every net has a default configuration, so ``Net()`` works, and says with which inputs it can be traced.
    ``task`` is ``classify``, or ``fit`` for nets that map coordinates to values.
    Dropout is the last field of every configuration that has it; it changes no weight's shape.

    Attributes:
        bounds: the largest absolute entry at the start of each parameter that has a rule of its own.
    """

    Config: ClassVar[type]
    task: ClassVar[str] = "classify"
    config: Any
    bounds: dict[str, float]

    def __init__(self, config: Any = None):
        super().__init__()
        self.config = self.Config() if config is None else config
        self.bounds = {}

    @abc.abstractmethod
    def example_inputs(self) -> tuple[Tensor, ...]:
        """Two examples that ``forward`` takes; the same at every call."""

    def default_bound(self, name: str) -> float | None:
        """Largest absolute entry of a parameter at the start, or None where it is not drawn.

        That of ``bounds``, or else as ``torch.nn`` draws it.
        """
        if name in self.bounds:
            return self.bounds[name]
        module = self.get_submodule(name.rpartition(".")[0])
        weight = getattr(module, "weight", None)
        if weight is None or weight.dim() < 2:
            return None
        return 1 / math.sqrt(weight[0].numel())

    @property
    def settings(self) -> Mapping[str, Any]:
        """The configuration as JSON types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self.config).items()}


def example_inputs(net: nn.Module) -> tuple[Tensor, ...]:
    """Two examples that a net of ``build_net`` takes; the same at every call."""
    return cast(Net, net).example_inputs()  # a factory's module was given the method


def example_normal(*shape: int) -> Tensor:
    """Normal numbers that are the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))
