"""A predictor that reads statistics of the layers alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import by_skeleton, from_graph, in_order, skeleton
from weightspace.metanets.base import Metanet, SingleMetanet, unknown_space
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.make import check_finite
from weightspace.metanets.inputs.ranks import RankScaling
from weightspace.metanets.inputs.statistics import count_statistics, statistics
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class StatNetConfig(MetanetConfig):
    """Configuration of `StatNet`: ``width`` and number of hidden ``layers``, ``dropout`` between them."""

    width: int = 256
    layers: int = 2
    dropout: float = 0.1


class StatNet(SingleMetanet):
    """A perceptron on statistics of every tensor (mean, spread, quantiles, norms of neurons).

    Invariant to permutations, because statistics are. From Unterthiner et al. 2020, "Predicting neural network
    accuracy from weights", section 4, there with gradient boosting.
    """

    Config = StatNetConfig

    def __init__(self, config: StatNetConfig):
        super().__init__(config)
        self.ranks, self.first = nn.ModuleDict(), nn.ModuleDict()
        for space in self.spaces:
            count = count_statistics(space)
            self.ranks[skeleton(space)] = RankScaling(count)
            self.first[skeleton(space)] = nn.Linear(2 * count, config.width)
        self.rest = hidden_layers(config.width, config.layers - 1, config.outputs, config.dropout)

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        found: dict[str, list[Tensor]] = {}
        for space, stack in weights.items():
            found.setdefault(skeleton(space), []).append(statistics(space, dict(stack)))
        for key, parts in found.items():
            self.ranks[key].fit(torch.cat(parts))

    def forward(self, graph: Data | Batch) -> Tensor:
        return per_skeleton(self, graph, self._predict)

    def _predict(self, space: WeightSpace, weights: dict[str, Tensor]) -> Tensor:
        key = skeleton(space)
        return self.rest(self.first[key](self.ranks[key](statistics(space, weights))))


def per_skeleton(metanet: Metanet, graph: Data | Batch, predict: object) -> Tensor:
    """``predict(space, weights)`` for the nets of each architecture of a batch, put back in order."""
    places, found = [], []
    known = {skeleton(own): own for own in metanet.spaces}
    for nets, group in by_skeleton(graph):
        check_finite(group, nets)
        space = group.space[0] if isinstance(group, Batch) else group.space
        if skeleton(space) not in known:
            raise unknown_space(metanet, space)
        weights = from_graph(group)
        if not isinstance(group, Batch):
            weights = {name: tensor[None] for name, tensor in weights.items()}
        places.append(nets)
        found.append(predict(known[skeleton(space)], weights))
    return in_order(places, found)


def hidden_layers(width: int, layers: int, outputs: int, dropout: float) -> nn.Sequential:
    """What follows a first linear layer: its activation, further hidden layers, the output."""
    parts: list[nn.Module] = [nn.SiLU(), nn.Dropout(dropout)]
    for _ in range(layers):
        parts += [nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*parts, nn.Linear(width, outputs))
