"""Messages that are added up inside of a block, against those of one edge at a time."""

import pytest
import torch

from tests.metanets.layers.by_edges import KINDS, ByEdges
from weightspace.metanets.layers.scaled import carry


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("space", "dense"), KINDS)
def test_each_neuron_gets_the_sum_of_its_messages(space, dense, forward):
    case, generator = ByEdges.of(space, dense, 3), torch.Generator().manual_seed(1)
    frame, width = case.frame, 4
    matrix = torch.randn(3, width, generator=generator, dtype=torch.float64)
    h = torch.randn(len(case.h), width, generator=generator, dtype=torch.float64)
    nodes = h.reshape(*case.nodes.shape[:-1], width)
    kinds = torch.randn(len(frame.topologies[0].edge_features), 1, generator=generator, dtype=torch.float64)
    senders, gather = (frame.sources, frame.to_targets) if forward else (frame.targets, frame.to_sources)
    messages = [
        carry(frame, group, value, matrix, frame.at_edges([kinds], group), senders(nodes, group))
        for group, value in zip(frame.edges, case.edges, strict=True)
    ]
    found, types = gather(messages).reshape(-1, width), frame.topologies[0].edge_type.repeat(2)
    for node, row in enumerate(found):
        own = [(case.e[e] @ matrix + kinds[types[e]]) * h[other] for e, other in case.at(node, int(forward))]
        torch.testing.assert_close(row, sum(own, torch.zeros(width).double()), rtol=1e-9, atol=1e-9)
