"""Where the parameters of one net lie in a flat row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class FlatLayout:
    """Names and shapes of parameters, and of the buffers beside them.

    All parameters of a stack live in one ``[nets, parameters]`` tensor, so that an optimizer is a few operations
    whatever the number of layers.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    buffers: tuple[str, ...]

    @classmethod
    def of(cls, net: nn.Module) -> "FlatLayout":
        """The layout of a module, in the order of its ``named_parameters``."""
        named = list(net.named_parameters())
        persistent = [name for name, _ in net.named_buffers() if name in net.state_dict()]
        return cls(tuple(n for n, _ in named), tuple(tuple(p.shape) for _, p in named), tuple(persistent))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each parameter."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def numel(self) -> int:
        """Entries of a row."""
        return sum(self.sizes)

    def views(self, flat: Float[Tensor, "nets parameters"]) -> dict[str, Tensor]:
        """The parameters by name, ``[nets, ...]``; one split, so its gradient is one concatenation."""
        parts = flat.split(self.sizes, dim=1)
        return {n: part.reshape(len(flat), *s) for n, s, part in zip(self.names, self.shapes, parts, strict=True)}

    def rows(self, weights: Mapping[str, Tensor]) -> Float[Tensor, "nets parameters"]:
        """The inverse of `views`; buffers among the weights are left out."""
        return torch.cat([weights[name].flatten(1) for name in self.names], 1)

    @property
    def matrices(self) -> tuple[str, ...]:
        """The parameters with two axes or more, which are weights and not biases: what ``l2`` acts on."""
        return tuple(name for name, shape in zip(self.names, self.shapes, strict=True) if len(shape) > 1)

    def mask(self, keep: tuple[str, ...]) -> Float[Tensor, " parameters"]:
        """One where the entry belongs to a parameter of that list, else zero."""
        parts = [torch.full((size,), float(name in keep)) for name, size in zip(self.names, self.sizes, strict=True)]
        return torch.cat(parts)
