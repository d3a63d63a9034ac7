"""Convolutions of PyTorch Geometric by name."""

from itertools import product

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


def test_gine_is_what_its_formula_says_neuron_by_neuron():
    """A perceptron of $h_i$ and the sum over its edges, both ways, of relu(h_j + what the edge is projected to)."""
    space = SPACES["mlp"]
    metanet = randomized(small("PyGMetanet", space, head="neurons", outputs=2)).requires_grad_(False)
    weights = random_weights(space, dtype=torch.float64)
    graph, topo = metanet.graph(space, weights), topology(space, metanet.layout)
    site_of = {site.name: number for number, site in enumerate(space.sites)}
    h, edges = metanet.embed.vectors(graph.x.asinh()) + metanet.embed.position(topo.positions.double()), []
    h = h + metanet.embed.site(topo.site_features.double())[topo.node_type]
    for kind, block in enumerate(topo.blocks):
        tensor = weights[block.tensor]
        first_target, first_source = (topo.starts[site_of[str(axis)]] for axis in space.tensors[block.tensor].axes)
        scaled = (tensor / metanet.scaling.edge_0[kind]).asinh()
        for row, column in product(*map(range, tensor.shape)):
            target, source = first_target + row, first_source + column
            ways = [
                scaled[row, column] * embed.weight[0] + embed.operator(topo.edge_features[kind].double())
                for embed in (metanet.forth, metanet.back)
            ]
            edges += [(source, target, ways[0]), (target, source, ways[1])]
    for conv, norm in zip(metanet.rounds, metanet.norms, strict=True):
        normed = norm(h)
        totals = [
            sum((normed[s] + conv.lin(edge)).relu() for s, t, edge in edges if t == node) for node in range(len(h))
        ]
        h = h + conv.nn(normed + torch.stack(totals)).relu()
    assert torch.allclose(metanet(graph), metanet.readout(h), rtol=1e-9, atol=1e-9)


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
