"""The default metanet: messages on the graph joined with statistics of the layers, read by an ensemble."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import SITE_FEATURES, by_skeleton, from_graph, skeleton, topology
from weightspace.metanets.base import Metanet, unknown_space
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.ensemble import EnsembleMLP
from weightspace.metanets.frame import Frame, make_frame
from weightspace.metanets.graphnet import NodeEmbedding
from weightspace.metanets.message import MessageLayer, node_degrees
from weightspace.metanets.ranks import RankScaling
from weightspace.metanets.responses import Responses
from weightspace.metanets.scaling import InputScaling
from weightspace.metanets.statistics import count_statistics, statistics
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class SpaceNetConfig(MetanetConfig):
    """Configuration of `SpaceNet`.

    Args:
        width: features of a node. layers: rounds of messages.
        probes: learned inputs that are sent through the nets (see `Responses`); 0 reads weights alone.
        probe_size: height and width of such an input for a convolutional net.
        members: perceptrons that read the net's features. hidden: their width.
        dropout: on the features that they read. noise: weights are multiplied with 1 + noise * N(0, 1) while training.
    """

    width: int = 32
    layers: int = 3
    probes: int = 48
    probe_size: int = 8
    members: int = 8
    hidden: int = 128
    dropout: float = 0.1
    noise: float = 0.0


def describe_answers(answers: Tensor) -> Tensor:
    """Outputs ``[nets, probes, outputs]`` as compressed numbers, and as a classifier's probabilities and confidence."""
    logs = answers.log_softmax(-1)
    chances = logs.exp()
    entropy, largest = -(chances * logs).sum(-1), chances.amax(-1)
    return torch.cat([chances.flatten(1), answers.asinh().flatten(1), entropy, largest], 1)


class SpaceNet(Metanet):
    """The toolkit's own predictor: equivariant messages and layer statistics together.

    Rounds of `MessageLayer` make a vector of every neuron, pooled over each site by mean and maximum; beside them
    go the ranked `statistics` of every tensor. Both are invariant to permutations of neurons, and so is what the
    ensemble of perceptrons reads from them. A batch may mix the spaces of ``config.spaces``.

    While training, `loss` gives every member of the ensemble its own error; the prediction is their mean.

    Example::

        metanet = SpaceNet.for_spaces(space, outputs=2).fit_statistics({space: weights})
        metanet(to_graph(space, weights)).shape  # [nets, 2]
    """

    Config = SpaceNetConfig
    symmetries = ("permutation",)
    heads = ("graph",)

    def __init__(self, config: SpaceNetConfig):
        super().__init__(config)
        self.scaling = InputScaling(self.spaces, self.layout)
        self.embed = NodeEmbedding(self.layout.node, config.width)
        self.rounds = nn.ModuleList(MessageLayer(self.layout, config.width) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.ranks, self.readers, self.stats = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.responses, self.answers = nn.ModuleDict(), nn.ModuleDict()
        for space in self.spaces:
            if skeleton(space) not in self.ranks:
                self._add_reader(space)
        self.drop = nn.Dropout(config.dropout)
        parts = 3 if config.probes else 2
        self.head = EnsembleMLP(parts * config.hidden, config.hidden, config.outputs, config.members, 2, config.dropout)

    def _add_reader(self, space: WeightSpace) -> None:
        key, c = skeleton(space), self.config
        count = count_statistics(space)
        self.ranks[key] = RankScaling(count)
        self.stats[key] = nn.Linear(2 * count + len(SITE_FEATURES), c.hidden)
        self.readers[key] = nn.Linear(2 * c.width * len(space.sites), c.hidden)
        if c.probes:
            self.responses[key] = Responses(topology(space, self.layout), c.probes, c.probe_size)
            self.answers[key] = nn.Linear(c.probes * (2 * self.responses[key].count + 2), c.hidden)

    def fit_statistics(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> "SpaceNet":
        found: dict[str, list[Tensor]] = {}
        for space, stack in weights.items():
            self.scaling.fit(space, dict(stack))
            found.setdefault(skeleton(space), []).append(statistics(space, dict(stack)))
        for key, parts in found.items():
            self.ranks[key].fit(torch.cat(parts))
        return self

    def forward(self, graph: Data | Batch) -> Tensor:
        return self.members(graph).mean(0)

    def members(self, graph: Data | Batch) -> Tensor:
        """The prediction of every member of the ensemble, ``[members, nets, outputs]``."""
        return self.head(self.features(graph))

    def loss(self, graph: Data | Batch, target: Tensor) -> Tensor:
        """Mean squared error of every member by itself, ``target`` ``[nets, outputs]``."""
        return (self.members(graph) - target).square().mean()

    def features(self, graph: Data | Batch) -> Tensor:
        """What the ensemble reads, ``[nets, 2 hidden]``; the same for all members of an orbit."""
        groups = by_skeleton(graph)
        if len(groups) == 1:
            return self._features(graph)
        found = torch.cat([self._features(group) for _, group in groups])
        return found[torch.cat([nets for nets, _ in groups]).argsort().to(found.device)]

    def _features(self, graph: Data | Batch) -> Tensor:
        frame = make_frame(self._noisy(graph), self.layout)
        key = skeleton(frame.topologies[0].space)
        if key not in self.ranks:
            raise unknown_space(self, frame.topologies[0].space)
        h = self.neurons(frame)
        pooled = torch.cat([frame.pool(h), frame.pool(h, "max")], -1).flatten(1)
        messages = nn.functional.silu(self.readers[key](pooled))
        weights = from_graph(graph)
        if not isinstance(graph, Batch):
            weights = {name: tensor[None] for name, tensor in weights.items()}
        ranked = self.ranks[key](statistics(frame.topologies[0].space, weights))
        activations = frame.per_site([topo.site_features.to(ranked) for topo in frame.topologies])
        activations = frame.mean_sites(activations if activations.ndim == 3 else activations[None])
        known = torch.cat([ranked, activations.expand(len(ranked), -1)], 1)
        found = [messages, nn.functional.silu(self.stats[key](known))]
        if self.config.probes:
            answers = self.drop(describe_answers(self.responses[key](frame)))
            found.append(nn.functional.silu(self.answers[key](answers)))
        return torch.cat(found, 1)

    def neurons(self, frame: Frame) -> Tensor:
        """A vector of every neuron after all rounds of messages."""
        values = [self.scaling.edges(frame, edges) for edges in frame.edges]
        h = self.embed(frame, self.scaling.nodes(frame))
        degrees = node_degrees(frame)
        for layer in self.rounds:
            h = layer(frame, h, values, degrees)
        return self.norm(h)

    def _noisy(self, graph: Data | Batch) -> Data | Batch:
        if not self.training or self.config.noise == 0:
            return graph
        graph = copy.copy(graph)
        for key in ("x", "edge_attr"):
            graph[key] = graph[key] * (1 + self.config.noise * torch.randn_like(graph[key]))
        return graph
