"""Equivariant linear layers on weights, a map for each pair of tensors and each set of axes that they share."""

from itertools import combinations

import torch
from torch import Tensor, nn


class PlainLayer(nn.Module):
    """The sum over pairs of tensors and sets of shared axes: average over the others, a matrix, broadcast.

    Navon et al. 2023, theorem 5.1; Zhou et al. 2023, equation 3; Zhou et al. 2024, theorem 3.1.
    """

    def __init__(self, axes: dict[str, str], width: int):
        super().__init__()
        self.axes, self.maps, self.pairs = axes, nn.ModuleList(), []
        for target in axes:
            for source in axes:
                shared = [axis for axis in axes[source] if axis in axes[target]]
                for count in range(len(shared) + 1):
                    for kept in combinations(shared, count):
                        self.pairs.append((target, source, kept))
                        self.maps.append(nn.Linear(width, width))

    def forward(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """``[nets, *axes, width]`` for each tensor."""
        found = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        for (target, source, kept), linear in zip(self.pairs, self.maps, strict=True):
            value = tensors[source]
            for place, axis in reversed(list(enumerate(self.axes[source]))):
                value = value if axis in kept else value.mean(place + 1)
            value = linear(value)
            order = [axis for axis in self.axes[source] if axis in kept]
            value = value.permute(0, *(1 + order.index(a) for a in self.axes[target] if a in kept), value.ndim - 1)
            for place, axis in enumerate(self.axes[target]):
                value = value if axis in kept else value.unsqueeze(place + 1)
            found[target] = found[target] + value.expand_as(found[target])
        return found


class PlainFunctional(nn.Module):
    """Rounds of equivariant layers on the weights of perceptrons, a mean over each tensor, a perceptron.

    Args:
        free_ends: inputs and outputs are axes, too (NFN_NP); else they are features (NFN_HNP, DWS, UNF).
    """

    def __init__(self, sizes: tuple[int, ...], width: int, layers: int, free_ends: bool):
        super().__init__()
        letters, last = "abcdefgh"[: len(sizes)], len(sizes) - 1
        free = letters if free_ends else letters[1:last]
        self.axes, channels = {}, {}
        for n in range(last):
            for name, own in ((f"{n}.weight", letters[n + 1] + letters[n]), (f"{n}.bias", letters[n + 1])):
                self.axes[name] = "".join(letter for letter in own if letter in free)
                fixed = [sizes[letters.index(letter)] for letter in own if letter not in free]
                channels[name] = fixed[0] if fixed else 1
        self.inputs = nn.ModuleDict({n.replace(".", "_"): nn.Linear(c, width) for n, c in channels.items()})
        self.rounds = nn.ModuleList(PlainLayer(self.axes, width) for _ in range(layers))
        self.out = nn.Sequential(nn.Linear(len(self.axes) * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, nets: list[dict[str, Tensor]]) -> Tensor:
        """``[nets, 1]``."""
        h = {}
        for name, axes in self.axes.items():
            tensor = torch.stack([net[name] for net in nets])
            if len(axes) == tensor.ndim - 1:
                tensor = tensor[..., None]
            elif name == "0.weight":
                pass  # the inputs are the last axis
            elif tensor.ndim == 3:
                tensor = tensor.transpose(1, 2)
            h[name] = self.inputs[name.replace(".", "_")](tensor)
        for layer in self.rounds:
            new = layer({name: torch.relu(value) for name, value in h.items()})
            h = {name: h[name] + new[name] for name in h}
        pooled = [torch.relu(h[name]).flatten(1, -2).mean(1) if axes else torch.relu(h[name]).flatten(1)
                  for name, axes in self.axes.items()]  # fmt: skip
        return self.out(torch.cat(pooled, 1))
