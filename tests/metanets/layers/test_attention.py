"""Attention along edges, against its formula for one neuron and one edge at a time."""

import pytest
import torch

from tests.metanets.layers.by_edges import KINDS, ByEdges
from weightspace.metanets.layers.attention import RelationalAttention
from weightspace.testing import randomized

WIDTH, HEADS = 4, 2


def by_formula(layer, case, node, forward):
    """What a neuron gathers: its heads' softmax over its edges, values modulated by the edge."""
    query, keys, values = layer.nodes(case.h).split(WIDTH, -1)
    edges, gathered = case.at(node, int(forward)), []
    for head in range(HEADS):
        part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
        scores = [query[node, part] @ (keys[other, part] + layer.key[head] @ case.e[e]) for e, other in edges]
        shares = (torch.stack(scores) * (WIDTH / HEADS) ** -0.5).softmax(0)
        sent = [
            layer.scale(case.e[e])[part] * values[other, part] + layer.shift[head] @ case.e[e] for e, other in edges
        ]
        gathered.append(sum(share * message for share, message in zip(shares, sent, strict=True)))
    return torch.cat(gathered)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize(("space", "dense"), KINDS)
def test_each_neuron_gathers_what_the_formula_says(space, dense, forward):
    case = ByEdges.of(space, dense, WIDTH)
    layer = randomized(RelationalAttention(WIDTH, HEADS, forward)).requires_grad_(False)
    found = layer(case.frame, case.nodes, case.edges).reshape(-1, WIDTH)
    for node, row in enumerate(found):
        expected = (
            by_formula(layer, case, node, forward) if case.at(node, int(forward)) else torch.zeros(WIDTH).double()
        )
        torch.testing.assert_close(row, expected, rtol=1e-9, atol=1e-9)
