"""Convolutions of PyTorch Geometric by name."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import small
from weightspace.graphs import topology
from weightspace.metanets import PyGMetanet, load_metanet
from weightspace.metanets.pygmetanet import CONVS, degree_histogram
from weightspace.testing import assert_sensitive, equivariance_error, randomized

NAMES = ["GINE", "PNA", "GPS", "GAT", "GATv2", "TransformerConv", "GCN", "SAGE"]


@pytest.mark.parametrize("name", sorted({*CONVS, *NAMES}))
def test_convolutions_by_name_are_equivariant_and_see_the_weights(name):
    metanet = randomized(small("PyGMetanet", SPACES["lenet"], conv=name))
    weights = random_weights(SPACES["lenet"], nets=2, dtype=torch.float64)
    assert equivariance_error(metanet, SPACES["lenet"], weights, samples=1) < 1e-9
    assert_sensitive(metanet, SPACES["lenet"], weights)


@pytest.mark.parametrize("name", NAMES)
def test_convolutions_are_saved_and_trained(name, tmp_path):
    metanet = small("PyGMetanet", SPACES["mlp"], conv=name)
    graph = metanet.graph(SPACES["mlp"], random_weights(SPACES["mlp"], nets=3))
    metanet(graph).square().sum().backward()
    assert all(parameter.grad is not None for parameter in metanet.rounds.parameters())
    metanet.eval().save_pretrained(tmp_path)
    assert torch.equal(load_metanet(tmp_path)(graph), metanet(graph))


def test_options_reach_the_convolution():
    metanet = small("PyGMetanet", SPACES["mlp"], conv="GATv2", options={"heads": 2, "concat": False})
    assert metanet.rounds[0].heads == 2


def test_the_degree_histogram_counts_edges_both_ways():
    space, layout = SPACES["mlp"], PyGMetanet.for_spaces(SPACES["mlp"]).layout
    found = degree_histogram((space,), layout)
    assert found.sum() == topology(space, layout).nodes
    # 2-5-4-3: two inputs with five edges, five neurons with two and four, four with five and three, three with four
    assert found.tolist() == [0, 0, 0, 0, 3, 2, 5, 0, 4]


def test_unknown_convolutions_list_the_known():
    with pytest.raises(ValueError, match=r"conv must be .* GINEConv, .*, SAGEConv; got 'GIN2Conv'"):
        PyGMetanet.for_spaces(SPACES["mlp"], conv="GIN2Conv")
