"""Random numbers for stacks of nets: those of net i depend on the seed and i alone."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.zoo.recipe.seeds import draw_seed


class Draws:
    """A source of randomness for each of the nets ``first``, ``first + 1``, ...

    So the first ten of a hundred samples are the ten samples of the same seed, and a sampling that was stopped goes on.
    Numbers are drawn on the CPU and moved once, so that a seed means the same nets on every device; 1,185
    numbers for each of 4,096 nets take 0.15 s on one core.

    Args:
        seed: of all nets. first: the number of the first net. nets: how many.
        device: where the numbers go.
    """

    def __init__(self, seed: int, first: int, nets: int, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.sources = [torch.Generator().manual_seed(draw_seed(seed, first + net, "generate")) for net in range(nets)]

    def part(self, nets: Sequence[int]) -> "Draws":
        """The sources of some of the nets."""
        other = object.__new__(Draws)
        other.device, other.sources = self.device, [self.sources[net] for net in nets]
        return other

    def __len__(self) -> int:
        return len(self.sources)

    def normal(self, *shape: int) -> Float[Tensor, "nets ..."]:
        """Standard normal numbers, ``[nets, *shape]``."""
        return torch.stack([torch.randn(shape, generator=source) for source in self.sources]).to(self.device)

    def uniform(self, *shape: int) -> Float[Tensor, "nets ..."]:
        """Numbers in [0, 1), ``[nets, *shape]``."""
        return torch.stack([torch.rand(shape, generator=source) for source in self.sources]).to(self.device)

    def choose(self, rows: Int[Tensor, " rows"], count: int) -> Int[Tensor, "nets count"]:
        """``count`` different ones of some rows, for every net."""
        assert count <= len(rows)
        places = torch.stack([torch.randperm(len(rows), generator=source)[:count] for source in self.sources])
        return rows.to(self.device)[places.to(self.device)]
