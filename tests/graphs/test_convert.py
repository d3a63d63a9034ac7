"""The converter against a slow oracle that walks over the entries one by one."""

from itertools import chain, product

import pytest
import torch
from torch_geometric.data import Batch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import Layout, from_graph, to_graph, topology
from weightspace.graphs.structure.blocks import is_edges, site_starts
from weightspace.space import Atom, Product, Sum


def walk(axis):
    """Every entry of an axis, in order, as the list of (atom name, index) that it stands for, and its term."""
    if isinstance(axis, Atom):
        return [([(axis.name, i)], 0) for i in range(axis.size)]
    if isinstance(axis, Sum):
        return [(marks, term) for term, part in enumerate(axis.terms) for marks, _ in walk(part)]
    assert isinstance(axis, Product)
    return [([mark for marks, _ in choice for mark in marks], 0) for choice in product(*map(walk, axis.factors))]


def named(marks):
    return tuple(sorted((name, i) for name, i in marks if name is not None))


def oracle_edges(space, weights):
    """{(tensor, source node, target node): features in order}, by walking over every entry of every weight."""
    edges = {}
    starts = site_starts(space)
    nodes = [{named(marks): start + i for i, (marks, _) in enumerate(walk(site.axis))}
             for site, start in zip(space.sites, starts, strict=False)]  # fmt: skip
    for name, spec in space.tensors.items():
        if not is_edges(spec):
            continue
        for place in product(*(range(size) for size in spec.shape)):
            walked = [walk(axis)[i] for axis, i in zip(spec.axes, place, strict=True)]
            term = max((walked[axis][1] for axis in spec.source), default=0)
            target = find(space, nodes, spec.target_site, [walked[axis][0] for axis in spec.target])
            own = [walked[axis][0] for axis in spec.source]
            source = find(space, nodes, spec.source_sites[term], own + [marks for marks, _ in walked])
            edges.setdefault((name, source, target), []).append(weights[name][place])
    return edges


def find(space, nodes, site, marks):
    wanted = [atom.name for atom in space.sites[site].axis.atoms() if atom.name is not None]
    held = {}
    for name, i in chain.from_iterable(marks):
        held.setdefault(name, i)
    return nodes[site][tuple(sorted((name, held[name]) for name in wanted))]


@pytest.mark.parametrize("name", SPACES)
def test_edges_are_those_of_the_oracle(name):
    space = SPACES[name]
    weights = random_weights(space)
    graph, topo = to_graph(space, weights), topology(space)
    found = {}
    for number, block in enumerate(topo.blocks):
        columns = topo.layout.edge_columns(block.width, block.kernel)
        for edge in (graph.edge_type == number).nonzero().flatten().tolist():
            source, target = graph.edge_index[:, edge].tolist()
            found.setdefault((block.tensor, source, target), []).extend(graph.edge_attr[edge, list(columns)])
    expected = oracle_edges(space, weights)
    assert found.keys() == expected.keys()
    assert all(torch.stack(found[key]).equal(torch.stack(expected[key])) for key in expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", SPACES)
def test_round_trip_is_exact(name, dtype):
    space = SPACES[name]
    one, stack = random_weights(space, dtype=dtype), random_weights(space, nets=3, dtype=dtype)
    for weights in (one, stack):
        back = from_graph(to_graph(space, weights))
        assert list(back) == list(space.tensors)
        for key, tensor in weights.items():
            assert back[key].dtype == tensor.dtype
            assert torch.equal(back[key], tensor), key


@pytest.mark.parametrize("name", SPACES)
def test_a_stack_is_the_batch_that_pyg_collates(name):
    space = SPACES[name]
    weights = random_weights(space, nets=3)
    ours = to_graph(space, weights)
    theirs = Batch.from_data_list([to_graph(space, {k: v[i] for k, v in weights.items()}) for i in range(3)])
    assert set(ours.keys()) == set(theirs.keys())
    for key, value in theirs.to_dict().items():
        if torch.is_tensor(value):
            assert torch.equal(ours[key], value), key
    for mine, other in zip(ours.to_data_list(), theirs.to_data_list(), strict=True):
        assert torch.equal(mine.edge_index, other.edge_index)
        assert torch.equal(mine.x, other.x)
    assert all(torch.equal(value, weights[key]) for key, value in from_graph(theirs).items())


def test_a_batch_of_one_space_views_as_dense_blocks():
    space = SPACES["cnn"]
    weights = random_weights(space, nets=3)
    graph, topo = to_graph(space, weights, Layout.of(space)), topology(space)
    block = next(block for block in topo.blocks if block.tensor == "c2.weight")
    rows = graph.edge_attr.view(3, topo.edges, -1)[:, block.start : block.start + block.edges]
    columns = list(topo.layout.edge_columns(block.width, block.kernel))
    dense = rows[..., columns].reshape(weights["c2.weight"].shape)
    assert torch.equal(dense, weights["c2.weight"])


def test_zero_weights_are_edges():
    space = SPACES["mlp"]
    weights = {name: torch.zeros(spec.shape) for name, spec in space.tensors.items()}
    assert torch.equal(to_graph(space, weights).edge_index, to_graph(space, random_weights(space)).edge_index)


def test_gradients_pass_back_to_the_weights():
    space = SPACES["concat"]
    weights = {name: tensor.requires_grad_() for name, tensor in random_weights(space).items()}
    loss = sum((tensor * tensor).sum() for tensor in from_graph(to_graph(space, weights)).values())
    loss.backward()
    assert all(torch.allclose(tensor.grad, 2 * tensor) for tensor in weights.values())


def test_one_layout_for_kernels_of_several_sizes():
    small, large = SPACES["cnn"], SPACES["lenet"]
    layout = Layout.of(small, large)
    graphs = [to_graph(space, random_weights(space), layout) for space in (small, large)]
    batch = Batch.from_data_list(graphs)
    assert batch.num_graphs == 2
    centred = topology(small, layout).layout.edge_columns(1, None)
    assert centred == ((layout.kernel[0] // 2) * layout.kernel[1] + layout.kernel[1] // 2,)
    for graph, back in zip(graphs, batch.to_data_list(), strict=True):
        assert all(torch.equal(value, from_graph(graph)[key]) for key, value in from_graph(back).items())


def test_a_mixed_batch_has_no_single_stack_of_weights():
    layout = Layout.of(SPACES["mlp"], SPACES["cnn"])
    graphs = [to_graph(SPACES[name], random_weights(SPACES[name]), layout) for name in ("mlp", "cnn")]
    with pytest.raises(ValueError, match="One architecture is needed, got a batch of 2"):
        from_graph(Batch.from_data_list(graphs))


def test_a_graph_with_missing_edges_is_refused():
    graph = to_graph(SPACES["mlp"], random_weights(SPACES["mlp"]))
    graph.edge_attr = graph.edge_attr[1:]
    with pytest.raises(ValueError, match="A graph with changed edges has no weights"):
        from_graph(graph)


def test_mixed_types_are_named():
    weights = random_weights(SPACES["mlp"])
    weights["2.bias"] = weights["2.bias"].double()
    with pytest.raises(ValueError, match=r"'0.weight' with torch.float32 .* and '2.bias' with torch.float64"):
        to_graph(SPACES["mlp"], weights)


def test_complex_weights_are_refused():
    weights = random_weights(SPACES["mlp"])
    weights["2.bias"] = weights["2.bias"].to(torch.complex64)
    with pytest.raises(ValueError, match=r"'2.bias' of torch.complex64"):
        to_graph(SPACES["mlp"], weights)
