"""Ensembles: members of their own, and a loss that is that of every one."""

import torch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.metanets import SpaceNet
from weightspace.metanets.layers.ensemble import EnsembleMLP


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
