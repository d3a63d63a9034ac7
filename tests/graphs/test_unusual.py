"""Graphs of spaces whose weights are laid out in unusual ways, and of large ones."""

import json
from dataclasses import replace

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.space.nets.unusual import UNUSUAL, unusual, unusual_space
from weightspace.graphs import Layout, from_graph, take, to_graph, topology
from weightspace.graphs.rows import edge_parts, stored_rows
from weightspace.graphs.structure.blocks import edge_blocks, vector_blocks
from weightspace.graphs.structure.pieces import axis_pieces
from weightspace.graphs.structure.topology import _agreeing
from weightspace.nets import build_net, example_inputs
from weightspace.space import Atom, Product, Sum, WeightSpace
from weightspace.space.axes import parse_axes


def weights_of(name, nets=None):
    module, _ = unusual(name)
    weights = {key: tensor.detach() for key, tensor in module.state_dict().items()}
    if nets is None:
        return weights
    return {key: torch.stack([tensor + n for n in range(nets)]) for key, tensor in weights.items()}


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.parametrize("nets", [None, 3])
def test_there_and_back(name, nets):
    weights = weights_of(name, nets)
    graph = to_graph(unusual_space(name), weights)
    assert graph.x.isfinite().all() and graph.edge_attr.isfinite().all()
    back = from_graph(graph)
    assert list(back) == list(weights)
    assert all(torch.equal(back[key], tensor) for key, tensor in weights.items())


@pytest.mark.parametrize("name", UNUSUAL)
def test_every_entry_lies_in_one_place(name):
    space = unusual_space(name)
    for tensor, spec in space.tensors.items():
        blocks = [block for block in (*edge_blocks(space), *vector_blocks(space)) if block.tensor == tensor]
        held = torch.cat([torch.zeros(0, dtype=torch.long), *(block.entries.index.flatten() for block in blocks)])
        assert not blocks or held.sort().values.equal(torch.arange(spec.numel))


def test_weights_on_constants_are_features_of_the_neurons_that_they_lead_to():
    space, weights = unusual_space("coordinate_channels"), weights_of("coordinate_channels")
    (vector,) = (vector for vector in topology(space).vectors if vector.tensor == "b.weight")
    assert (vector.slot, vector.width, vector.axes) == ("other", 2, (0,))
    graph, column = to_graph(space, weights), topology(space).layout.slot("other") + vector.column
    assert torch.equal(graph.x[vector.nodes, column : column + 2], weights["b.weight"][:, 6:, 0, 0])


@pytest.mark.parametrize("name", ["coordinate_channels", "partial_rotary", "shuffled_channels", "channel_padding"])
def test_a_moved_net_has_a_moved_graph(name):
    """The same multiset of nodes by features: what a metanet reads of a neuron goes with it."""
    space, weights = unusual_space(name), weights_of(name)
    moved = space.apply(space.random_symmetry(torch.Generator().manual_seed(0)), weights)
    one, other = to_graph(space, weights), to_graph(space, moved)
    for number in range(len(space.sites)):
        rows = topology(space).site(number)
        assert _sorted(one.x[rows]).equal(_sorted(other.x[rows]))


def _sorted(rows):
    return torch.tensor(sorted(rows.tolist()))


def test_a_term_without_a_site_finds_another_that_has_its_neurons():
    space = WeightSpace.parse({"a": "a in", "b": "b in", "o": "out (a + b)"}, sizes={"a": 2, "b": 3, "in": 2, "out": 2})
    spec = space.tensors["o"]
    space = replace(space, tensors={**space.tensors, "o": replace(spec, source_sites=spec.source_sites[:1])})
    weights = random_weights(space)
    assert all(torch.equal(from_graph(to_graph(space, weights))[key], tensor) for key, tensor in weights.items())
    assert [block.tensor for block in topology(space).blocks] == ["a", "b", "o", "o"]


# ---- storage ---------------------------------------------------------------------------------------------------------


def test_only_the_weights_are_stored_until_rows_are_read():
    space = SPACES["lenet"]
    weights, topo = random_weights(space), topology(space)
    graph = to_graph(space, weights)
    on_edges = sum(block.entries.numel for block in topo.blocks)
    assert stored_rows(graph).values.shape == (1, on_edges)
    from_graph(graph), repr(graph)
    assert stored_rows(graph) is not None and graph._store._mapping.waits("edge_index", "edge_type")
    assert graph.edge_attr.shape == (topo.edges, 25) and on_edges < graph.edge_attr.numel()
    assert stored_rows(graph) is None


@pytest.mark.parametrize("name", ["lenet", "residual", "concat"])
def test_rows_that_were_set_count(name):
    space = SPACES[name]
    for graph in (to_graph(space, random_weights(space)), to_graph(space, random_weights(space, nets=2))):
        before, bias = from_graph(graph), next(key for key in space.tensors if key.endswith("bias"))
        graph.edge_attr = 2 * graph.edge_attr
        after = from_graph(graph)
        assert all(torch.equal(after[key], (1 + (spec.role == "weight")) * before[key]) for key, spec in
                   space.tensors.items()) and space.tensors[bias].role == "vector"  # fmt: skip


def test_blocks_are_the_same_from_stored_weights_and_from_rows():
    space = SPACES["lenet"]
    layout = Layout.of(space, WeightSpace.parse({"w": "a b 7 7"}, sizes={"a": 1, "b": 1}))
    topo, graph = topology(space, layout), to_graph(space, random_weights(space, nets=2), layout)
    stored = [part.clone() for part in edge_parts(graph, topo, 2)]
    assert graph.edge_attr.shape[1] == 49
    assert all(map(torch.equal, stored, edge_parts(graph, topo, 2)))


def test_nets_are_taken_without_padding():
    space = SPACES["lenet"]
    weights = random_weights(space, nets=5)
    few = take(to_graph(space, weights), torch.tensor([3, 1]))
    assert stored_rows(few) is not None
    assert all(torch.equal(tensor, weights[key][[3, 1]]) for key, tensor in from_graph(few).items())


# ---- links -----------------------------------------------------------------------------------------------------------

PAIRS = [
    ("a", "a"), ("a", "(a b)"), ("(a 3)", "(3 a)"), ("(a b)", "(b a)"), ("(a + b)", "b"), ("((a + b) 2)", "(2 a)"),
    ("(a a)", "a"), ("(a b)", "(b c)"), ("a", "b"), ("3", "3"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_links_join_the_neurons_that_agree(one, other):
    sizes = {"a": 3, "b": 2, "c": 4}
    (left,), (right,) = parse_axes(one, sizes), parse_axes(other, sizes)
    found = {tuple(pair) for mine in axis_pieces(left) for own in axis_pieces(right)
             for pair in _agreeing(mine, own).T.tolist()}  # fmt: skip
    expected = {
        (i, j) for i, mine in enumerate(places(left)) for j, own in enumerate(places(right)) if agree(mine, own)
    }
    assert found == expected


def places(axis):
    """For each entry the pairs of name and place behind it."""
    if isinstance(axis, Atom):
        return [[(axis.name, i)] if axis.name else [] for i in range(axis.size)]
    if isinstance(axis, Sum):
        return [marks for term in axis.terms for marks in places(term)]
    assert isinstance(axis, Product)
    found = [[]]
    for factor in axis.factors:
        found = [one + other for one in found for other in places(factor)]
    return found


def agree(mine, own):
    shared = {name for name, _ in mine} & {name for name, _ in own}
    return bool(shared) and all(len({i for name, i in mine + own if name == one}) == 1 for one in shared)


EDGELESS = {"a scalar": {"scale": ""}, "a bias and a scalar": {"bias": "a", "scale": ""}, "a constant": {"table": "4"}}


@pytest.mark.parametrize("axes", EDGELESS.values(), ids=EDGELESS)
def test_spaces_without_edges_have_graphs_too(axes):
    space = WeightSpace.parse(axes, sizes={"a": 3} if "bias" in axes else None)
    weights = random_weights(space, 2)
    for read in (False, True):
        batch = to_graph(space, weights)
        if read:
            batch.edge_attr = batch.edge_attr.clone()
        for whole, nets in ((batch, [0, 1]), (take(batch, torch.tensor([1, 0, 1])), [1, 0, 1])):
            back = from_graph(whole)
            assert all(torch.equal(back[name], tensor[nets]) for name, tensor in weights.items())
    single = from_graph(to_graph(space, {name: tensor[0] for name, tensor in weights.items()}))
    assert all(torch.equal(single[name], tensor[0]) for name, tensor in weights.items())


def test_a_stack_of_no_nets_is_refused():
    space = WeightSpace.parse({"weight": "a b"}, sizes={"a": 2, "b": 3})
    with pytest.raises(ValueError, match=r"A stack must hold at least one net, got none"):
        to_graph(space, {"weight": torch.zeros(0, 2, 3)})


def test_the_terms_of_a_vector_lie_side_by_side_where_its_site_has_one_set_of_neurons():
    """Queries, keys and values of one bias, said to sit on the heads, which are fewer: they wrote over each other."""
    net = build_net("vit")
    text = json.loads(WeightSpace.trace(net, *example_inputs(net)).to_json())
    heads = next(n for n, site in enumerate(text["sites"]) if site["name"] == "layers.0.qkv.heads")
    text["tensors"]["layers.0.qkv.bias"]["target_site"] = heads
    space = WeightSpace.from_json(json.dumps(text))
    weights = random_weights(space)
    assert torch.equal(from_graph(to_graph(space, weights))["layers.0.qkv.bias"], weights["layers.0.qkv.bias"])
