"""The default metanet: messages, statistics of the layers and answers to probes, read by an ensemble."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import by_skeleton, in_order
from weightspace.metanets.base import Metanet
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.frames.changes import all_columns, read_changes
from weightspace.metanets.frames.make import check_finite, make_dense
from weightspace.metanets.frames.uncompiled import uncompiled
from weightspace.metanets.inputs.gauged import Gauged, gauged, settle_many
from weightspace.metanets.layers.changes import Changes
from weightspace.metanets.layers.encoder import Prepared, SpaceEncoder
from weightspace.metanets.layers.ensemble import EnsembleMLP
from weightspace.metanets.layers.readers import AnswerReader, SiteReader, StatisticsReader
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class SpaceNetConfig(MetanetConfig):
    """Configuration of `SpaceNet`.

    Args:
        width: features of a node, odd and even ones each.
        layers: rounds of messages.
        gates: features of an edge.
        knots: depths at which layers are read.
        probes: learned inputs that are sent through the nets (see `Responses`); 0 reads weights alone.
        probe_size: height and width of such an input for a convolutional net.
        members: perceptrons that read the net's features.
        hidden: their width.
        dropout: on the features that they read.
        noise: weights are multiplied with 1 + noise * N(0, 1) while training.
        scale, sign: be invariant to them exactly; without, the size or sign of a neuron's weights can be a cue.
    """

    width: int = 32
    layers: int = 3
    gates: int = 8
    knots: int = 5
    probes: int = 48
    probe_size: int = 8
    members: int = 8
    hidden: int = 128
    dropout: float = 0.1
    noise: float = 0.0
    scale: bool = True
    sign: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.gates:
            raise ValueError(f"gates must divide the width, got {self.gates} gates and the width {self.width}.")


class SpaceNet(Metanet):
    """The toolkit's own metanet: equivariant messages, statistics of the layers and probes together.

    Neurons that may be scaled are brought to one size first (`gauged`). Rounds of `SignedLayer` make odd and even
    features of every neuron; beside them go the ranked statistics of the layers, and what the nets answer to inputs
    that are learned (`Responses`). All is exactly invariant to permutation, scale and sign, or moves with them. Layers
    are read by what they are and how deep they lie, weights are scaled by fan-in and messages averaged: no parameter
    belongs to an architecture, so nets of other widths and depths can come, as long as inputs and outputs stay.

    While training, `loss` gives every member of the ensemble its own error; the prediction is their mean.

    Example::

        metanet = SpaceNet.for_spaces(space, outputs=2).fit_statistics({space: weights})
        metanet(to_graph(space, weights)).shape  # [nets, 2]
    """

    Config = SpaceNetConfig
    symmetries = ("permutation", "scale", "sign")
    heads = ("graph", "weights", "neurons")
    passes_messages = True

    def __init__(self, config: SpaceNetConfig):
        super().__init__(config)
        c = config
        self.symmetries = ("permutation", *(["scale"] if c.scale else []), *(["sign"] if c.sign else []))
        sizes = (c.width, c.layers, c.gates, c.knots, c.probes, c.probe_size)
        self.encoder = SpaceEncoder(self.spaces, self.layout, *sizes, sign=c.sign)
        if c.head == "graph":
            responses = self.encoder.responses.items()
            self.layers = SiteReader(c.width, c.knots, c.hidden)
            self.stats = StatisticsReader(self.spaces, c.knots, c.hidden, c.sign)
            self.answers = nn.ModuleDict({kind: AnswerReader(own, c.hidden, c.dropout) for kind, own in responses})
            parts = 3 if c.probes else 2
            self.ensemble = EnsembleMLP(parts * c.hidden, c.hidden, c.outputs, c.members, 2, c.dropout)
        elif c.head == "neurons":
            self.out = nn.Linear(c.width, c.outputs)
        else:
            self.changes = Changes(self.layout.edge, self.layout.node, c.width)

    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        settled = {space: settle_many(space, stack) if self.config.scale else stack for space, stack in weights.items()}
        self.encoder.sizes.fit(settled)
        if self.config.head == "graph":
            self.stats.fit(settled)

    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        nets, groups = self._prepared(graph)
        if self.config.head == "graph":
            return self.ensemble(self._features(nets, groups)).mean(0)
        if self.config.head == "weights":
            return self._changes(*groups[0])
        found = [self.out(self.encoder(batch)[1]).flatten(0, -2) for _, batch in groups]
        return found[0] if len(groups) == 1 else _neurons_in_order(nets, found)

    def marked_changes(self, graph: Data | Batch, marks: Tensor) -> dict[str, Tensor]:
        """Changes of weights, as the head ``"weights"`` gives, of nets of one architecture whose neurons are marked.

        Args:
            graph: the nets. marks: features that tell neurons apart, ``[nets, nodes, POSITIONS]``; changes move as
                neurons move with their marks.
        """
        ((own, batch),) = self._prepared(graph)[1]
        return self._changes(own, replace(batch, marks=marks))

    def members(self, graph: Data | Batch) -> Float[Tensor, "members nets outputs"]:
        nets, groups = self._prepared(graph)
        return self.ensemble(self._features(nets, groups))

    def features(self, graph: Data | Batch) -> Tensor:
        """What the ensemble reads, ``[nets, features]``; the same for all members of an orbit."""
        return self._features(*self._prepared(graph))

    def _features(self, nets: list[Tensor], groups: list[tuple[Gauged, Prepared]]) -> Tensor:
        return in_order(nets, [self._of_group(own, batch) for own, batch in groups])

    def _of_group(self, own: Gauged, batch: Prepared) -> Tensor:
        _, h, answers = self.encoder(batch)
        found = [self.layers(batch.frame, h), self.stats(batch.frame, own.weights)]
        if answers is not None:
            found.append(self.answers[batch.kind](answers))
        return torch.cat(found, 1)

    def _changes(self, own: Gauged, batch: Prepared) -> dict[str, Tensor]:
        frame, (x, h, _) = batch.frame, self.encoder(batch)
        values = [edges.values / size for edges, size in zip(frame.edges, batch.edge_sizes, strict=True)]
        nodes, changes = self.changes(frame, batch.signs, x, h, frame.x / batch.node_sizes, values)
        rows = [
            all_columns(change * size, edges.columns, self.layout.edge)
            for change, size, edges in zip(changes, batch.edge_sizes, frame.edges, strict=True)
        ]
        return own.restore(read_changes(own.graph, frame, self.layout, nodes * batch.node_sizes, rows))

    @uncompiled  # Python over spaces; all that follows it is one compiled graph
    def _prepared(self, graph: Data | Batch) -> tuple[list[Tensor], list[tuple[Gauged, Prepared]]]:
        """The batch by architecture, each group with its scales settled, ready for the encoder; and where its nets lie.

        While training with noise on the weights.

        Raises:
            ValueError: weights that aren't finite; several architectures where changes of weights are asked for.
        """
        groups, found = by_skeleton(graph), []
        if self.config.head == "weights" and len(groups) > 1:
            raise ValueError(f"Changes of weights need a batch of one architecture, got {len(groups)}.")
        for nets, group in groups:
            check_finite(group, nets)
            own = gauged(group, self.config.scale)
            frame = make_dense(self._noisy(own.graph), self.layout)
            found.append((own, self.encoder.prepare(frame)))
        return [nets for nets, _ in groups], found

    def _noisy(self, graph: Batch) -> Batch:
        if not self.training or self.config.noise == 0:
            return graph
        graph = copy.copy(graph)
        for key in ("x", "edge_attr"):
            graph[key] = graph[key] * (1 + self.config.noise * torch.randn_like(graph[key]))
        return graph


def _neurons_in_order(nets: list[Tensor], found: list[Tensor]) -> Tensor:
    """Rows of the neurons of each net, group by group, in the order of the nets in the batch."""
    parts = [part.unflatten(0, (len(own), -1)) for own, part in zip(nets, found, strict=True)]
    rows = {net: part[row] for own, part in zip(nets, parts, strict=True) for row, net in enumerate(own.tolist())}
    return torch.cat([rows[net] for net in sorted(rows)])
