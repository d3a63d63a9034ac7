"""The control: all weights in one long vector."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import skeleton
from weightspace.metanets.base import SingleMetanet
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.inputs.statistics import is_integer
from weightspace.metanets.statnet import hidden_layers, per_skeleton
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class FlatMLPConfig(MetanetConfig):
    """Configuration of `FlatMLP`: ``width`` and number of hidden ``layers``, ``dropout`` between them."""

    width: int = 256
    layers: int = 2
    dropout: float = 0.1


class FlatMLP(SingleMetanet):
    """A perceptron on the flat weights, every entry standardised. Not equivariant to anything: the control."""

    Config = FlatMLPConfig
    symmetries = ()

    def __init__(self, config: FlatMLPConfig):
        super().__init__(config)
        self.first = nn.ModuleDict()
        for space in self.spaces:
            key, count = skeleton(space), len(flatten(space, None))
            self.first[key] = nn.Linear(count, config.width)
            self.register_buffer(f"mean_{key}", torch.zeros(count))
            self.register_buffer(f"std_{key}", torch.ones(count))
        self.rest = hidden_layers(config.width, config.layers - 1, config.outputs, config.dropout)

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        found: dict[str, list[Tensor]] = {}
        for space, stack in weights.items():
            found.setdefault(skeleton(space), []).append(flatten(space, dict(stack)))
        for key, parts in found.items():
            flat = torch.cat(parts)
            getattr(self, f"mean_{key}").copy_(flat.mean(0))
            getattr(self, f"std_{key}").copy_(flat.std(0, correction=0).clamp(min=1e-6))

    def forward(self, graph: Data | Batch) -> Tensor:
        return per_skeleton(self, graph, self._predict)

    def _predict(self, space: WeightSpace, weights: dict[str, Tensor]) -> Tensor:
        key = skeleton(space)
        flat = flatten(space, weights)
        mean, std = getattr(self, f"mean_{key}").to(flat), getattr(self, f"std_{key}").to(flat)
        return self.rest(self.first[key](compress((flat - mean) / std)))


def compress(x: Tensor) -> Tensor:
    """The inverse hyperbolic sine, so that large entries don't drown the others; torch's own is many times slower."""
    return (x.abs() + torch.hypot(x, torch.ones_like(x))).log().copysign(x)


def flatten(space: WeightSpace, weights: dict[str, Tensor] | None) -> Tensor:
    """All floating tensors by name in one vector a net, ``[nets, entries]``; without weights, zeros ``[entries]``."""
    names = [name for name, spec in sorted(space.tensors.items()) if not is_integer(spec)]
    if weights is None:
        return torch.zeros(sum(space.tensors[name].numel for name in names))
    return torch.cat(
        [weights[name].flatten(1) if weights[name].ndim > 1 else weights[name][:, None] for name in names], 1
    )
