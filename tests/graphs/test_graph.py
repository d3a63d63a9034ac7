"""A graph as one line."""

import pickle

import torch
from torch_geometric.data import Batch, Data

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import from_graph, to_graph

SPACE = SPACES["mlp"]


def test_one_line_without_the_space_spelled_out():
    text = repr(to_graph(SPACE, random_weights(SPACE)))
    assert text.startswith(f"WeightGraph(space {SPACE.hash}, x=[14, 5], edge_attr=[42, 1], node_type=[14]")
    assert "\n" not in text and len(text) < 200


def test_a_batch_computes_nothing_to_be_printed():
    batch = to_graph(SPACE, random_weights(SPACE, nets=3))
    text = repr(batch)
    assert text.startswith(f"WeightGraphBatch(3 graphs of {SPACE.hash}, x=[42, 5], edge_attr=[126, 1]")
    assert batch._store._mapping.waits("edge_index")
    mixed = Batch.from_data_list([to_graph(SPACES[name], random_weights(SPACES[name])) for name in ("mlp", "concat")])
    assert repr(mixed).startswith("WeightGraphBatch(2 graphs of 2 spaces, ")


def test_it_is_a_data_that_pickles_and_separates():
    graph, batch = (to_graph(SPACE, random_weights(SPACE, nets=nets)) for nets in (None, 2))
    assert isinstance(graph, Data) and isinstance(batch, Batch)
    for value in (pickle.loads(pickle.dumps(graph)), graph.clone(), batch.to_data_list()[0]):
        assert type(value) is type(graph) and value.space == SPACE
    again = pickle.loads(pickle.dumps(batch))
    assert all(torch.equal(from_graph(again)[name], tensor) for name, tensor in from_graph(batch).items())
