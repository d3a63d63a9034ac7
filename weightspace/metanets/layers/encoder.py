"""Features of every neuron: rounds of messages, and what the neurons respond to learned inputs."""

import torch
from torch import Tensor, nn

from weightspace.graphs import POSITIONS, SITE_FEATURES, Layout, topology
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.inputs.signs import EdgeValues, Signs
from weightspace.metanets.inputs.sizes import SharedSizes
from weightspace.metanets.layers.responses import Responses, response_kind
from weightspace.metanets.layers.signed import SignedLayer, places, positions
from weightspace.space import WeightSpace


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
        self.responses = nn.ModuleDict({kind: Responses(topo, probes, probe_size) for kind, topo in kinds.items()})
        self.heard = nn.ModuleDict(
            {kind: nn.Linear(own.probes, width, bias=False) for kind, own in self.responses.items()}
        )

    def forward(self, frame: DenseFrame) -> tuple[Signs, Tensor, Tensor, Tensor | None]:
        """Parities, odd and invariant features ``[nets, nodes, width]``, and the answers to the probes.

        Raises:
            KeyError: the nets' inputs and outputs fit no probes.
        """
        signs = Signs(frame, self.sign)
        values = [
            EdgeValues(frame, signs, edges, torch.asinh(edges.values / self.sizes.edge_sizes(frame, edges)))
            for edges in frame.edges
        ]
        x, z = self._start(frame, signs)
        answers = None
        if self.responses:
            kind = response_kind(frame.topologies[0])
            answers, heard = self.responses[kind](frame)
            x = x + self.heard[kind](heard.asinh())
        for layer in self.rounds:
            x, z = layer(frame, signs, x, z, values)
        return signs, x, self.norm(self.mix(torch.cat([signs.invariant(x.asinh()), z], -1))), answers

    def _start(self, frame: DenseFrame, signs: Signs) -> tuple[Tensor, Tensor]:
        vectors = torch.asinh(frame.x / self.sizes.node_sizes(frame))
        # what flips is even without its sign; what moves with other neurons' signs too
        still = torch.where(signs.even > 0, vectors, vectors.abs())
        sites = frame.at_nodes([places(topo, still.device, still.dtype) for topo in frame.topologies])
        fixed = frame.per_node([positions(topo, still.device, still.dtype) for topo in frame.topologies])
        shape = (*still.shape[:2], -1)
        z = self.even(still) + self.known(torch.cat([fixed.expand(shape), sites.expand(shape)], -1))
        free = 1 - signs.signed
        return self.odd(vectors * (signs.odd + signs.even * free)) + self.free(z) * free, z
