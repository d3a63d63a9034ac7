"""The parts of metanets: statistics, ranks, scaling, ensembles, equivariant bases."""

import math
from itertools import product

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.metanets import GraphMetanet, GraphNetConfig, MetanetConfig, SpaceNet, StatNet, UNFConfig
from weightspace.metanets.inputs.ranks import RankScaling
from weightspace.metanets.inputs.statistics import count_statistics, statistics
from weightspace.metanets.layers.basis import basis
from weightspace.metanets.layers.ensemble import EnsembleMLP
from weightspace.pretrained.config import read_config
from weightspace.testing import equivariance_error


@pytest.mark.parametrize("name", SPACES)
def test_statistics_are_invariant_and_counted(name):
    space = SPACES[name]
    weights = random_weights(space, nets=3, dtype=torch.float64)
    assert statistics(space, weights).shape == (3, count_statistics(space))
    assert equivariance_error(lambda w: statistics(space, w), space, weights) < 1e-12


def test_statistics_of_a_known_tensor():
    weights = random_weights(SPACES["mlp"], nets=2)
    weights["0.bias"] = torch.tensor([[1.0, 2, 3, 4, 5], [0, 0, 0, 0, 0]])
    found = statistics(SPACES["mlp"], weights)[:, :11]
    assert found[0, :2].tolist() == pytest.approx([3.0, math.sqrt(2.0)])
    assert found[0, 4:].tolist() == pytest.approx([1, 1.4, 2, 3, 4, 4.6, 5])
    assert bool(torch.isfinite(found[1]).all())


def test_ranks_are_monotone_bounded_and_smooth():
    scaling, values = RankScaling(1).double(), torch.randn(500, 1, dtype=torch.float64).exp()
    scaling.fit(values)
    order = values.flatten().argsort()
    found = scaling(values)[order]
    assert bool((found.diff(dim=0) >= 0).all())
    assert found.abs().max() <= 4
    assert scaling(torch.tensor([[1e30], [-1e30]]).double()).abs().max() <= 4
    assert (scaling(values + 1e-12) - scaling(values)).abs().max() < 1e-6


def test_ranks_of_a_constant_feature_ignore_rounding():
    scaling = RankScaling(1).double()
    scaling.fit(torch.full((50, 1), 3.0, dtype=torch.float64))
    one, other = scaling(torch.tensor([[3.0]]).double()), scaling(torch.tensor([[3.0 + 4e-16]]).double())
    assert torch.allclose(one, other, atol=1e-8)


def test_members_of_an_ensemble_are_perceptrons_of_their_own():
    torch.manual_seed(0)
    ensemble, x = EnsembleMLP(3, 4, 2, members=5), torch.randn(6, 3)
    found = ensemble(x)
    assert found.shape == (5, 6, 2)
    h = torch.nn.functional.silu(x @ ensemble.weights[0][2] + ensemble.biases[0][2])
    h = torch.nn.functional.silu(h @ ensemble.weights[1][2] + ensemble.biases[1][2])
    assert torch.allclose(found[2], h @ ensemble.weights[2][2] + ensemble.biases[2][2], atol=1e-6)


def test_the_loss_is_that_of_every_member():
    space = SPACES["mlp"]
    metanet = SpaceNet.for_spaces(space, probes=2, members=3, dropout=0.0)
    graph, target = metanet.graph(space, random_weights(space, nets=4)), torch.randn(4, 1)
    expected = torch.stack([(part - target).square().mean() for part in metanet.members(graph)]).mean()
    assert torch.allclose(metanet.loss(graph, target), expected)


def matrices(source, target, size):
    """The matrix of every basis map between tensors with these names, all names of one size."""
    ins, outs = (size,) * len(source), (size,) * len(target)
    rows = []
    for pooling, spreading in basis(source, target):
        unit = torch.eye(size ** len(source), dtype=torch.float64).reshape(-1, *ins, 1)
        rows.append(spreading(pooling(unit), outs).expand(-1, *outs, 1).flatten())
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("source", "target", "count"),
    [
        (("a", "b"), ("a", "b"), 4),
        (("a",), ("a", "b"), 2),
        (("a", "a"), ("a", "a"), 15),
        (("a", "b"), ("c",), 1),
        ((), ("a", "a"), 2),
        (("a", "b", "a"), ("b",), 4),
    ],
)
def test_the_basis_is_complete_and_equivariant(source, target, count):
    """As many maps as orbits of pairs of entries, linearly independent, and each commutes with permutations."""
    size = 4
    found = matrices(source, target, size)
    assert len(found) == count
    assert torch.linalg.matrix_rank(found) == count
    names = sorted({*source, *target})
    orders = {name: torch.randperm(size, generator=torch.Generator().manual_seed(n)) for n, name in enumerate(names)}
    moved = found.reshape(count, *(size,) * len(source + target))
    for place, name in enumerate(source + target):
        moved = moved.index_select(place + 1, orders[name])
    assert torch.allclose(moved.flatten(1), found)
    entries = list(product(range(size), repeat=len(source + target)))
    assert len({pattern(source + target, entry) for entry in entries}) == count


def pattern(names, entry):
    """The orbit of a pair of entries: which indices of one name agree."""
    return tuple((n, m) for n in range(len(names)) for m in range(n) if names[n] == names[m] and entry[n] == entry[m])


def test_configurations_refuse_what_they_do_not_know():
    space = SPACES["mlp"]
    with pytest.raises(ValueError, match=r"config.json: a UNFConfig has the keys .*unknown: \['depth'\], missing"):
        read_config(UNFConfig, {"depth": 3})
    with pytest.raises(ValueError, match="head must be one of graph, weights, neurons, got 'edges'"):
        MetanetConfig(spaces=(space,), head="edges")
    with pytest.raises(ValueError, match="spaces must hold one weight space at least"):
        MetanetConfig()
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        GraphNetConfig(spaces=(space,), width=0)
    with pytest.raises(ValueError, match="Each label needs a mean and a std, got 1 labels, 0 and 0"):
        MetanetConfig(spaces=(space,), labels=("x",))


def test_a_metanet_takes_its_own_configuration_only():
    config = UNFConfig(spaces=(SPACES["mlp"],))
    with pytest.raises(TypeError, match="UNFConfig"):
        GraphMetanet(config)
    with pytest.raises(ValueError, match="StatNet has the heads graph, got 'weights'"):
        StatNet.for_spaces(SPACES["mlp"], head="weights")
    with pytest.raises(ValueError, match="gates must divide the width, got 3 gates and the width 8"):
        SpaceNet.for_spaces(SPACES["mlp"], width=8, gates=3)
