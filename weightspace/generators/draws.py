"""Random numbers for stacks of nets: those of net i depend on the seed and i alone."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.zoo.recipe.seeds import draw_seed


class Draws:
    """A source of randomness for each of the nets ``first``, ``first + 1``, ...

    So the first ten of a hundred samples are the ten samples of the same seed, and a sampling that was stopped goes on.
    """

    def __init__(self, seed: int, first: int, nets: int):
        self.sources = [torch.Generator().manual_seed(draw_seed(seed, first + net, "generate")) for net in range(nets)]

    def part(self, nets: Sequence[int]) -> "Draws":
        """The sources of some of the nets."""
        other = object.__new__(Draws)
        other.sources = [self.sources[net] for net in nets]
        return other

    def __len__(self) -> int:
        return len(self.sources)

    def normal(self, *shape: int) -> Float[Tensor, "nets ..."]:
        """Standard normal numbers, ``[nets, *shape]``."""
        return torch.stack([torch.randn(shape, generator=source) for source in self.sources])

    def uniform(self, *shape: int) -> Float[Tensor, "nets ..."]:
        """Numbers in [0, 1), ``[nets, *shape]``."""
        return torch.stack([torch.rand(shape, generator=source) for source in self.sources])

    def choose(self, rows: Int[Tensor, " rows"], count: int) -> Int[Tensor, "nets count"]:
        """``count`` different ones of some rows, for every net."""
        assert count <= len(rows)
        return torch.stack([rows[torch.randperm(len(rows), generator=s)[:count]] for s in self.sources])
