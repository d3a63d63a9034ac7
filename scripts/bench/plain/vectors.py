"""Metanets that read a vector of every net: its weights, statistics of them, or its answers."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from plain.graphs import perceptron

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


class PlainFlat(nn.Module):
    """A perceptron on the flat weights of every net, standardised."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int):
        super().__init__()
        count = sum((first + 1) * second for first, second in pairwise(sizes))
        self.out = perceptron(count, *[width] * layers, 1)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("std", torch.ones(count))

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        flat = torch.stack([torch.cat([tensor.flatten() for tensor in net.values()]) for net in nets])
        return self.out((flat - self.mean) / self.std)


class PlainStatistics(nn.Module):
    """Unterthiner et al. 2020, section 4: mean, variance and five quantiles of each tensor, a perceptron."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, outputs: int = 1):
        super().__init__()
        self.out = perceptron(14 * (len(sizes) - 1), *[width] * layers, outputs)

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, outputs]``."""
        rows = []
        for net in nets:
            found = []
            for tensor in net.values():
                flat = tensor.flatten()
                found += [
                    flat.mean()[None],
                    flat.var(correction=0)[None],
                    torch.quantile(flat, torch.tensor(QUANTILES)),
                ]
            rows.append(torch.cat(found))
        return self.out(torch.stack(rows))


class PlainProbes(nn.Module):
    """Kahana et al. 2025, section 3: a linear generator makes inputs, every net answers, a perceptron reads."""

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, outputs: int = 1, probes: int = 64):
        super().__init__()
        self.seeds = nn.Parameter(torch.randn(probes, 32))
        self.generator = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, sizes[0]))
        self.out = perceptron(probes * sizes[-1], *[width] * layers, outputs)

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, outputs]``."""
        inputs, answers = self.generator(self.seeds), []
        for net in nets:
            h, layers = inputs, len(net) // 2
            for layer in range(layers):
                h = nn.functional.linear(h, net[f"{layer}.weight"], net[f"{layer}.bias"])
                h = h if layer == layers - 1 else torch.sin(30 * h)
            answers.append(h.flatten())
        return self.out(torch.stack(answers))
