"""The contracts that every metanet keeps, each over the whole list of metanets."""

import inspect

import pytest
import torch
from torch_geometric.data import Batch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import (
    BLIND,
    BLOCKS,
    CASES,
    EDGE_LISTS,
    MIXING,
    fits,
    home,
    module_of,
    relabelled,
    shaken,
    small,
    spaces,
)
from weightspace import metanets
from weightspace.graphs import by_skeleton, mix, take, to_graph
from weightspace.metanets import METANETS, Metanet, load_metanet
from weightspace.space import WeightSpace
from weightspace.testing import assert_sensitive, equivariance_error

PAIRS = [(name, head, key) for name, head in CASES for key, space in spaces().items() if fits(name, space)]
GRAPH = [name for name, head in CASES if head == "graph"]


def weights_of(space, nets=2, dtype=torch.float64):
    return random_weights(space, nets=nets, dtype=dtype)


@pytest.mark.parametrize(("name", "head", "space"), PAIRS)
def test_equivariant_as_declared(name, head, space):
    space = spaces()[space]
    metanet = shaken(name, space, outputs=2, head=head)
    weights = weights_of(space)
    for kind in metanet.symmetries:
        if head == "neurons":
            error = neuron_error(metanet, space, weights, kind)
        else:
            error = equivariance_error(metanet, space, weights, kinds=[kind], samples=1)
        assert error < 1e-9, kind


def neuron_error(metanet, space, weights, kind):
    symmetry = space.random_symmetry(torch.Generator().manual_seed(0), kinds=[kind])
    before, after = (metanet(metanet.graph(space, w)) for w in (weights, space.apply(symmetry, weights)))
    sites = {str(n): site.axis for n, site in enumerate(space.sites)}
    from weightspace.space import Symmetry, TensorSpec

    nodes = WeightSpace({name: TensorSpec((axis,)) for name, axis in sites.items()}, space.names)
    sizes = [axis.size for axis in sites.values()]
    split = [dict(zip(sites, out.reshape(2, -1, 2).split(sizes, 1), strict=True)) for out in (before, after)]
    own = Symmetry(nodes, symmetry.permutations, {})
    errors = []
    for output in range(2):
        moved = nodes.apply(own, {key: value[..., output] for key, value in split[0].items()})
        errors += [(moved[key] - split[1][key][..., output]).abs().max() for key in sites]
    return float(max(errors) / before.abs().max())


@pytest.mark.parametrize("name", [name for name in METANETS if not METANETS[name].symmetries])
def test_what_declares_nothing_is_not_invariant(name):
    metanet = shaken(name, SPACES["mlp"])
    assert equivariance_error(metanet, SPACES["mlp"], weights_of(SPACES["mlp"])) > 1e-3


SEEING = [
    (name, head, space)
    for name, head, space in PAIRS
    if name not in BLIND and head != "neurons" and METANETS[name].symmetries
    and space in ("mlp", "lenet", "concat", "residual", "net siren")
]  # fmt: skip


@pytest.mark.parametrize(("name", "head", "space"), SEEING)
def test_sees_every_coupling(name, head, space):
    metanet = shaken(name, spaces()[space], outputs=2, head=head)
    assert_sensitive(metanet, spaces()[space], weights_of(spaces()[space]))


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("head", ["graph", "weights", "neurons"])
def test_dense_blocks_and_edge_lists_agree(name, head):
    for space in [space for space in spaces().values() if fits(name, space)]:
        metanet = shaken(name, space, head=head)
        graph = metanet.graph(space, weights_of(space))
        dense, metanet.dense = metanet(graph), False
        sparse = metanet(graph)
        if head == "weights":
            assert all(torch.allclose(dense[key], sparse[key], rtol=1e-9, atol=1e-9) for key in dense)
        else:
            assert torch.allclose(dense, sparse, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MIXING)
def test_a_mixed_batch_is_its_nets_one_by_one(name):
    names = (
        ("mlp", "lenet", "cnn", "mlp", "residual")
        if name != "DWSNet"
        else ("mlp", "net siren", "mlp", "net mlp", "mlp")
    )
    kinds = [spaces()[key] for key in names]
    metanet = shaken(name, *dict.fromkeys(kinds), outputs=3)
    graphs = [metanet.graph(space, random_weights(space, dtype=torch.float64, seed=n)) for n, space in enumerate(kinds)]
    together = metanet(Batch.from_data_list(graphs))
    assert together.shape == (5, 3)
    assert torch.allclose(together, torch.cat([metanet(graph) for graph in graphs]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MIXING)
def test_mixed_stacks_are_what_pyg_collates(name):
    """Bit for bit; and who works on dense blocks never asks for the mixed tensors."""
    kinds = [
        spaces()[key] for key in (("mlp", "net siren", "net mlp") if name == "DWSNet" else ("mlp", "lenet", "cnn"))
    ]
    metanet = shaken(name, *kinds, outputs=2)
    batches = [metanet.graph(space, weights_of(space)) for space in kinds]
    places = torch.tensor([0, 3, 1, 4, 2, 5])
    graphs = [graph for batch in batches for graph in batch.to_data_list()]
    mixed, collated = mix(batches, places, metanet.layout), Batch.from_data_list([graphs[n] for n in places.argsort()])
    assert torch.equal(metanet(mixed), metanet(collated))
    if name not in EDGE_LISTS:
        assert all(group is batch for (_, group), batch in zip(by_skeleton(mixed), batches, strict=True))


@pytest.mark.parametrize("name", MIXING)
def test_nets_of_one_skeleton_with_other_activations(name):
    kinds = [relabelled(SPACES["mlp"], activation) for activation in ("relu", "tanh")]
    metanet = shaken(name, *kinds)
    graphs = [metanet.graph(space, random_weights(space, dtype=torch.float64)) for space in kinds]
    together = metanet(Batch.from_data_list(graphs))
    assert torch.allclose(together, torch.cat([metanet(graph) for graph in graphs]), rtol=1e-9, atol=1e-9)
    if name not in ("FlatMLP", "StatNet", "UNF", "DWSNet"):
        assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize(("name", "head"), CASES)
def test_a_stack_is_its_nets_one_by_one(name, head):
    space = home(name)
    metanet, weights = shaken(name, space, outputs=2, head=head), weights_of(space, nets=3)
    together = metanet(metanet.graph(space, weights))
    alone = [metanet(metanet.graph(space, {key: w[net] for key, w in weights.items()})) for net in range(3)]
    if head == "weights":
        pairs = [(together[key], torch.stack([one[key] for one in alone])) for key in space.tensors]
    else:
        pairs = [(together, torch.cat(alone))]
    assert all(torch.allclose(one, other, rtol=1e-9, atol=1e-9) for one, other in pairs)


@pytest.mark.parametrize("name", GRAPH)
def test_the_order_of_a_batch_does_not_matter(name):
    space = home(name)
    metanet = shaken(name, space)
    batch, order = metanet.graph(space, weights_of(space, nets=4)), torch.tensor([2, 0, 3, 1])
    assert torch.allclose(metanet(take(batch, order)), metanet(batch)[order], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "head"), [case for case in CASES if case[0] not in ("PyGMetanet", "ProbeNet")])
def test_padding_does_not_matter(name, head):
    """Wider columns, as a batch with other architectures needs them, change nothing; edge lists need those told."""
    space = SPACES["mlp"]
    metanet = shaken(name, space, *([] if name == "DWSNet" else [SPACES["lenet"]]), head=head)
    weights = weights_of(space)
    narrow, wide = metanet(to_graph(space, weights)), metanet(metanet.graph(space, weights))
    pairs = [(narrow[key], wide[key]) for key in wide] if head == "weights" else [(narrow, wide)]
    assert all(torch.allclose(one, other, rtol=1e-9, atol=1e-12) for one, other in pairs)


@pytest.mark.parametrize(("name", "head"), CASES)
def test_saved_and_loaded_bit_for_bit(name, head, tmp_path):
    space = home(name)
    weights = weights_of(space, nets=3, dtype=torch.float32)
    metanet = small(name, space, SPACES["mlp"], head=head).fit_statistics({space: weights}).eval()
    metanet.save_pretrained(tmp_path)
    loaded = load_metanet(tmp_path, **({"module": module_of(space)} if name == "ProbeNet" else {}))
    assert type(loaded) is type(metanet)
    assert loaded.config == metanet.config
    assert loaded.spaces == metanet.spaces
    before, after = metanet(metanet.graph(space, weights)), loaded(loaded.graph(space, weights))
    if head == "weights":
        assert all(torch.equal(before[key], after[key]) for key in before)
    else:
        assert torch.equal(before, after)


@pytest.mark.parametrize(("name", "head"), CASES)
def test_gradients_reach_every_parameter(name, head):
    space = spaces()["net mlp"]
    metanet = shaken(name, space, head=head)
    found = metanet(metanet.graph(space, weights_of(space, nets=3)))
    loss = sum(part.square().sum() for part in found.values()) if head == "weights" else found.square().sum()
    loss.backward()
    dead = [key for key, p in metanet.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert not dead


@pytest.mark.parametrize(("name", "head"), CASES)
@pytest.mark.parametrize("size", [0.0, 1e-15, 1e15])
def test_finite_on_extreme_weights(name, head, size):
    space = home(name)
    metanet = small(name, space, head=head)
    weights = {
        key: w * size if w.is_floating_point() else w for key, w in weights_of(space, dtype=torch.float32).items()
    }
    if (name, head, size) == ("ScaleGMN", "weights", 1e15):
        with pytest.raises(ValueError, match="too large for ScaleGMN"):
            metanet(metanet.graph(space, weights))
        return
    found = metanet(metanet.graph(space, weights))
    parts = found.values() if head == "weights" else [found]
    assert all(bool(torch.isfinite(part).all()) for part in parts)


@pytest.mark.parametrize("name", GRAPH)
def test_deterministic_with_a_seed(name):
    space, outputs = home(name), []
    for _ in range(2):
        torch.manual_seed(3)
        metanet = small(name, space).train()
        outputs.append(metanet(metanet.graph(space, weights_of(space, dtype=torch.float32))))
    assert torch.equal(*outputs)


@pytest.mark.parametrize(("name", "head"), CASES)
def test_runs_in_bf16_autocast(name, head):
    space = home(name)
    metanet = small(name, space, head=head)
    with torch.autocast("cpu", torch.bfloat16):
        found = metanet(metanet.graph(space, weights_of(space, dtype=torch.float32)))
    assert all(bool(torch.isfinite(part.float()).all()) for part in (found.values() if head == "weights" else [found]))


@pytest.mark.parametrize("name", GRAPH)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(name, bad):
    space = home(name)
    weights = weights_of(space, nets=3)
    tensor = {"DWSNet": "2.weight", "ProbeNet": "convs.1.weight"}.get(name, "c2.weight")
    weights[tensor][1, 0, 0] = bad
    metanet = small(name, space).double()
    with pytest.raises(ValueError, match=rf"'{tensor}' of net 1 of the batch isn't"):
        metanet(metanet.graph(space, weights))


@pytest.mark.parametrize("name", [name for name in MIXING if name != "DWSNet"])
def test_in_a_mixed_batch_the_net_that_is_not_finite_is_named(name):
    stacks = [(SPACES[key], weights_of(SPACES[key], nets=3)) for key in ("mlp", "lenet")]
    metanet = small(name, SPACES["mlp"], SPACES["lenet"]).double()
    stacks[1][1]["c2.weight"][1, 0, 0] = float("nan")
    batch = mix([metanet.graph(*stack) for stack in stacks], torch.tensor([1, 3, 5, 0, 4, 2]), metanet.layout)
    with pytest.raises(ValueError, match=r"'c2.weight' of net 4 of the batch isn't"):
        metanet(batch)


@pytest.mark.parametrize("name", EDGE_LISTS)
def test_graph_nets_take_an_architecture_they_were_not_made_for(name):
    space = SPACES["mlp"]
    metanet = small(name, SPACES["cnn"])
    assert metanet(metanet.graph(space, weights_of(space, dtype=torch.float32))).shape == (2, 1)


def test_every_public_metanet_is_on_the_list():
    public = {getattr(metanets, name) for name in metanets.__all__ if isinstance(getattr(metanets, name), type)}
    final = {kind for kind in public if issubclass(kind, Metanet) and not inspect.isabstract(kind)}
    assert final == set(METANETS.values())
    assert all(name == kind.__name__ for name, kind in METANETS.items())


def test_dwsnet_says_which_class_takes_other_architectures():
    for name in ("cnn", "residual", "lenet"):
        with pytest.raises(ValueError, match=r"DWSNet takes perceptrons only, .* Take UNF or GraphMetanet"):
            small("DWSNet", SPACES[name])
