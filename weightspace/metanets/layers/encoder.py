"""Features of every neuron: rounds of messages, and what the neurons respond to learned inputs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.graphs import POSITIONS, SITE_FEATURES, Layout, topology
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.inputs.signs import EdgeValues, Signs
from weightspace.metanets.inputs.sizes import SharedSizes
from weightspace.metanets.layers.passage import response_kind
from weightspace.metanets.layers.responses import Responses
from weightspace.metanets.layers.signed import SignedLayer, places, positions
from weightspace.metanets.layers.signed_states import SignedStates
from weightspace.space import WeightSpace


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a `SpaceEncoder` knows of a batch of one skeleton before it computes.

    Attributes:
        frame: the batch.
        signs: what flips.
        states: how probes go through it; None without probes.
        kind: see `response_kind`.
        node_sizes: see `SharedSizes`.
        edge_sizes: see `SharedSizes`.
        marks: added to the positions of neurons, ``[nets, nodes, POSITIONS]``.
    """

    frame: DenseFrame
    signs: Signs
    states: SignedStates | None
    kind: str
    node_sizes: Tensor
    edge_sizes: list[Tensor]
    marks: Tensor | None = None


class SpaceEncoder(nn.Module):
    """Odd and even features of every neuron of a batch of one skeleton, and invariant ones read from both.

    Args:
        spaces: whose inputs and outputs the probes shall fit.
        layout: the columns that it reads.
        width: features of a node of each kind.
        layers: rounds.
        gates: features of an edge.
        knots: of relative depth, for the usual sizes of tensors.
        probes, probe_size: see `Responses`; no probes read weights alone.
        sign: be exactly equivariant to signs.
    """

    def __init__(
        self,
        spaces: tuple[WeightSpace, ...],
        layout: Layout,
        width: int,
        layers: int,
        gates: int,
        knots: int,
        probes: int,
        probe_size: int,
        sign: bool,
    ):
        super().__init__()
        self.sign, columns = sign, layout.node
        self.sizes = SharedSizes(layout, knots)
        self.odd = nn.Linear(columns, width, bias=False)
        self.even = nn.Linear(columns, width)
        self.known = nn.Linear(POSITIONS + len(SITE_FEATURES), width, bias=False)
        self.free = nn.Linear(width, width, bias=False)
        self.rounds = nn.ModuleList(SignedLayer(layout.edge, width, gates) for _ in range(layers))
        self.mix, self.norm = nn.Linear(2 * width, width), nn.LayerNorm(width)
        kinds = {response_kind(topo): topo for topo in (topology(space, layout) for space in spaces)} if probes else {}
        responses = {kind: Responses(topo, probes, probe_size) for kind, topo in kinds.items()}
        self.responses = nn.ModuleDict(responses)
        self.heard = nn.ModuleDict({kind: nn.Linear(own.probes, width, bias=False) for kind, own in responses.items()})

    def prepare(self, frame: DenseFrame) -> Prepared:
        """What the encoder needs to know of a batch beside its numbers.

        Raises:
            ValueError: the nets' inputs and outputs fit no probes.
        """
        return Prepared(frame, Signs(frame, self.sign), SignedStates(frame) if self.responses else None,
                        self._kind(frame), self.sizes.node_sizes(frame),
                        [self.sizes.edge_sizes(frame, edges) for edges in frame.edges])  # fmt: skip

    def _kind(self, frame: DenseFrame) -> str:
        kind = response_kind(frame.topologies[0])
        if self.responses and kind not in self.responses:
            raise ValueError(
                f"The probes of this SpaceNet go through nets of {', '.join(self.responses)}, got a net of {kind}. "
                "Make one with for_spaces() for nets of every kind that comes, or one with probes=0, which takes any."
            )
        return kind

    def forward(self, batch: Prepared) -> tuple[Tensor, Tensor, Tensor | None]:
        """Odd and invariant features ``[nets, nodes, width]``, and the answers to the probes."""
        frame, signs = batch.frame, batch.signs
        values = [
            EdgeValues(frame, signs, edges, torch.asinh(edges.values / size))
            for edges, size in zip(frame.edges, batch.edge_sizes, strict=True)
        ]
        x, z = self._start(batch)
        answers = None
        if batch.states is not None:
            answers, heard = self.responses[batch.kind](batch.states)
            x = x + self.heard[batch.kind](heard.asinh())
        for layer in self.rounds:
            x, z = layer(frame, signs, x, z, values)
        return x, self.norm(self.mix(torch.cat([signs.invariant(x.asinh()), z], -1))), answers

    def _start(self, batch: Prepared) -> tuple[Tensor, Tensor]:
        frame, signs = batch.frame, batch.signs
        vectors = torch.asinh(frame.x / batch.node_sizes)
        # what flips is even without its sign; what moves with other neurons' signs too
        still = torch.where(signs.even > 0, vectors, vectors.abs())
        sites = frame.at_nodes([places(topo, still.device, still.dtype) for topo in frame.topologies])
        fixed = frame.per_node([positions(topo, still.device, still.dtype) for topo in frame.topologies])
        shape = (*still.shape[:2], -1)
        fixed = fixed.expand(shape) if batch.marks is None else fixed + batch.marks
        z = self.even(still) + self.known(torch.cat([fixed, sites.expand(shape)], -1))
        free = 1 - signs.signed
        return self.odd(vectors * (signs.odd + signs.even * free)) + self.free(z) * free, z
