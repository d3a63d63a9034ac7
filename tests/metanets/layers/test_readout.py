"""The readout of graph metanets: its slots, and standardising what is pooled."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from tests.metanets.cases import relabelled, small, traced
from weightspace.metanets.layers.readout import HIDDEN_SLOTS, SiteSlots, Standardise, slot_weights


def test_sites_of_one_architecture_have_a_slot_each():
    space = SPACES["residual"]
    slots = SiteSlots.of((space, relabelled(space, "tanh")))
    assert torch.equal(slot_weights(slots, relabelled(space, "gelu")), torch.eye(len(space.sites)))


def test_sites_of_several_architectures_are_read_by_kind_and_depth():
    slots, space = SiteSlots.of((traced("siren"), SPACES["cnn"])), traced("siren")
    assert slots.kinds == ("input", *["hidden"] * HIDDEN_SLOTS, "output")
    shares = slot_weights(slots, space)
    for site, row in zip(space.sites, shares, strict=True):
        assert {kind for kind, share in zip(slots.kinds, row, strict=True) if share} == {site.kind}
    assert torch.allclose(shares.sum(0), torch.ones(len(slots.kinds)))
    hidden = [number for number, site in enumerate(space.sites) if site.kind == "hidden"]
    assert torch.allclose(shares[hidden][:, 1], torch.tensor([1.0, 0.0]))  # the first slot reads the first layer


def test_a_net_without_sites_of_a_kind_has_nothing_in_its_slots():
    slots = SiteSlots.of((traced("siren"), SPACES["cnn"]))
    linear = relabelled(SPACES["mlp"], "relu")
    bare = type(linear).parse({"weight": "out in"}, free=(), sizes={"out": 3, "in": 2})
    assert bool((slot_weights(slots, bare)[:, 1 : 1 + HIDDEN_SLOTS] == 0).all())


def test_an_architecture_that_comes_later_is_read_into_the_slots_of_the_first():
    slots = SiteSlots.of((traced("siren"),))
    shares = slot_weights(slots, SPACES["lenet"])
    assert torch.allclose(shares.sum(0), torch.ones(len(slots.kinds)))


def test_standardised_features_have_mean_zero_and_spread_one_in_training():
    torch.manual_seed(0)
    module, x = Standardise(3).double(), 5 + 0.03 * torch.randn(50, 3, dtype=torch.float64)
    found = module.train()(x)
    assert torch.allclose(found.mean(0), torch.zeros(3).double(), atol=1e-9)
    assert torch.allclose(found.std(0, correction=0), torch.ones(3).double(), atol=0.02)
    for _ in range(200):
        module(x)
    assert torch.allclose(module.eval()(x), found, atol=0.05)
    assert torch.equal(module.train()(x[:1]), module.eval()(x[:1]))


@pytest.mark.parametrize("name", ["GraphMetanet", "NeuralGraphGNN", "NeuralGraphTransformer", "ScaleGMN", "PyGMetanet"])
def test_running_statistics_are_saved_and_used_in_evaluation(name):
    torch.manual_seed(0)
    space = SPACES["mlp"]
    metanet = small(name, space).train()
    graph = metanet.graph(space, random_weights(space, nets=8))
    before = metanet.eval()(graph)
    metanet.train()(graph)
    assert "readout.standardise.mean" in metanet.state_dict()
    assert not torch.allclose(metanet.eval()(graph), before)
    one = metanet.graph(space, {key: w[:1] for key, w in random_weights(space, nets=8).items()})
    assert torch.allclose(metanet(one), metanet(graph)[:1], atol=1e-5)
