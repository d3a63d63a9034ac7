"""Graphs of every architecture that tracing is tested on: nothing is lost on the way there and back."""

import pytest
import torch

from tests.space.nets.architectures import BY_NAME, traced, weights_of
from weightspace.graphs import from_graph, to_graph
from weightspace.graphs.structure.blocks import edge_blocks
from weightspace.space import WeightSpace


@pytest.mark.parametrize("name", list(BY_NAME))
def test_there_and_back(name):
    weights = weights_of(name)
    back = from_graph(to_graph(traced(name), weights))
    assert list(back) == list(weights)
    assert all(torch.equal(back[key], tensor) for key, tensor in weights.items())


def test_gates_of_the_same_name_are_nodes_of_their_own():
    space = WeightSpace.parse({"w": "(a + a) in", "b": "(a + a)"}, sizes={"a": 3, "in": 2})
    weights = {"w": torch.arange(12.0).view(6, 2), "b": torch.arange(6.0)}
    graph = to_graph(space, weights)
    assert all(torch.equal(from_graph(graph)[key], tensor) for key, tensor in weights.items())
    assert len(set(graph.edge_index[1].tolist())) == 6
    assert len(edge_blocks(space)) == 2
