"""Adapters read by `SpaceNet`: their factors as the weights of one net, whatever their rank and kind."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.graphs import to_graph
from weightspace.metanets import SpaceNet
from weightspace.space import WeightSpace


class Factors(nn.Module):
    """A perceptron with an adapter beside each of its matrices; the matrices themselves are constants.

    Args:
        sizes: in and out of each layer. rank: of all adapters.
    """

    def __init__(self, sizes: Sequence[int], rank: int):
        super().__init__()
        self.pairs = list(zip(sizes[::2], sizes[1::2], strict=True))
        for number, (size_in, size_out) in enumerate(self.pairs):
            base = torch.arange(1.0, size_out * size_in + 1).sin().reshape(size_out, size_in)  # no two rows are alike
            self.register_buffer(f"base{number}", base, persistent=False)
            self.register_parameter(f"down{number}", nn.Parameter(torch.zeros(rank, size_in)))
            self.register_parameter(f"up{number}", nn.Parameter(torch.zeros(size_out, rank)))
            self.register_parameter(f"lengths{number}", nn.Parameter(torch.zeros(size_out)))

    def forward(self, x: Float[Tensor, "batch in"]) -> Float[Tensor, "batch out"]:
        for number in range(len(self.pairs)):
            base, down, up, lengths = (getattr(self, f"{word}{number}") for word in ("base", "down", "up", "lengths"))
            x = functional.linear(x if number == 0 else x.relu(), (base + up @ down) * (1 + lengths).unsqueeze(1))
        return x


class SpaceNetReader(nn.Module):
    """The default metanet on the factors: invariant to the order, the scales and the signs of the ranks.

    Args:
        known: raw factors of training nets, see `raw_factors`. sizes: in and out of each layer.
    """

    def __init__(self, known: Tensor, outputs: int, sizes: Sequence[int], width: int = 16, layers: int = 2):
        super().__init__()
        self.sizes, rank = tuple(sizes), known.shape[1] - 1
        self.space = WeightSpace.trace(Factors(sizes, rank), torch.zeros(2, sizes[0]))
        self.metanet = SpaceNet.for_spaces(
            self.space, outputs=outputs, width=width, layers=layers, probes=0, members=4, hidden=64
        )
        self.metanet.fit_statistics({self.space: self.weights(known)})

    def weights(self, x: Float[Tensor, "nets ranks width"]) -> dict[str, Float[Tensor, "nets ..."]]:
        """The factors as weights of the net."""
        parts, found = x[:, :-1].split(self.sizes, 2), {}
        lengths = x[:, -1].split([*self.sizes[1::2], x.shape[2] - sum(self.sizes[1::2])], 1)
        for number in range(len(parts) // 2):
            found[f"down{number}"] = parts[2 * number]
            found[f"up{number}"] = parts[2 * number + 1].mT
            found[f"lengths{number}"] = lengths[number]
        return found

    def forward(self, x: Float[Tensor, "nets ranks width"]) -> Float[Tensor, "members nets outputs"]:
        return self.metanet.members(to_graph(self.space, self.weights(x)))
