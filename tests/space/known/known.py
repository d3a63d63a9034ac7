"""What is known of an architecture's group by construction, and how such architectures are written down.

A name of ``n`` neurons that may be permuted counts ``n - 1`` (the dimension of what permutations span besides the
constant), a scale, a sign or a phase of each counts ``n``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.space.nets.layered import Code
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class Known:
    """A module builder with what holds: sizes of names, and how many neurons have a scale, a sign, a phase."""

    build: Any
    sizes: tuple[int, ...]
    scale: int = 0
    sign: int = 0
    phase: int = 0

    @property
    def dimension(self) -> int:
        """Of the whole group."""
        return sum(size - 1 for size in self.sizes) + self.scale + self.sign + self.phase


def found_dimension(space: WeightSpace) -> int:
    """The same of the group that was found."""
    permutations = sum((space.names[name].size or 1) - 1 for name in space.free)
    return permutations + sum(space.names[action.name].size or 1 for action in space.actions)


def linear(one: int, other: int, **settings: Any) -> Callable[[], nn.Module]:
    """Builds a linear layer."""
    return lambda: nn.Linear(one, other, **settings)


def conv(one: int, other: int, size: int = 3, **settings: Any) -> Callable[[], nn.Module]:
    """Builds a convolution that keeps the image's size."""
    return lambda: nn.Conv2d(one, other, size, padding=size // 2, **settings)


class Tensors(nn.Module):
    """A tensor of parameters."""

    def __init__(self, *shape: int, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.value = nn.Parameter(torch.randn(*shape, dtype=dtype))


def tensor(*shape: int, **settings: Any) -> Callable[[], nn.Module]:
    """Builds a tensor of parameters."""
    return lambda: Tensors(*shape, **settings)


def code(
    function: Any,
    sizes: tuple[int, ...],
    inputs: Sequence[tuple[int, ...]] = ((4, 3),),
    scale: int = 0,
    sign: int = 0,
    phase: int = 0,
    **parts: Callable[[], nn.Module],
) -> Known:
    """A function of parts and inputs."""

    def build() -> tuple[nn.Module, tuple[Tensor, ...]]:
        module = Code(function, **{name: part() for name, part in parts.items()})
        return module, tuple(torch.randn(*shape) for shape in inputs)

    return Known(build, sizes, scale, sign, phase)


IMAGES = ((2, 3, 6, 6),)


def between(function: Any, sizes: tuple[int, ...] = (6,), out: int = 6, image: bool = False, **found: int) -> Known:
    """A function of six neurons (or channels) between two layers."""
    parts = (conv(3, 6), conv(out, 2, 1)) if image else (linear(3, 6), linear(out, 2))
    inputs = IMAGES if image else ((4, 3),)
    return code(lambda m, x: m.o(function(m.a(x))), sizes, inputs, a=parts[0], o=parts[1], **found)
