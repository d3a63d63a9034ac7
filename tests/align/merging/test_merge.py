"""Merging: what shares a start, what doesn't, soups, task vectors, and a number beforehand."""

import pytest
import torch

from tests.align.planted import gap, hidden, noisy
from tests.align.trained import points, trained
from tests.space.nets.mixing import KINDS, mixing
from weightspace.align import merge, mergeable
from weightspace.align.lineage import alike
from weightspace.align.matching.score import loss_of, predictions


def loss(module, weights, data):
    return float(loss_of(predictions(module, weights, data[0]), data[1]))


@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_hidden_copies_merge_to_the_net_itself(kind):
    space, _, weights = trained(kind)
    copies = [weights, *(hidden(space, weights, seed)[0] for seed in (1, 2))]
    assert gap(weights, merge(space, copies)) < 1e-3
    assert gap(weights, merge(space, copies, "average")) > 0.2


def test_aligning_and_mending_beat_the_plain_average_of_strangers():
    data = points("mlp")
    space, module, _ = trained("mlp")
    nets = [trained("mlp", seed)[2] for seed in range(3)]
    plain = loss(module, merge(space, nets, "average"), data)
    aligned = loss(module, merge(space, nets, "aligned"), data)
    mended = loss(module, merge(space, nets, "aligned", module, data), data)
    assert mended < aligned < plain


def test_a_greedy_soup_is_never_worse_than_its_best_member():
    data = points("mlp")
    space, module, _ = trained("mlp")
    nets = [trained("mlp", seed)[2] for seed in range(3)]
    best = min(loss(module, net, data) for net in nets)
    assert loss(module, merge(space, nets, "greedy", module, data), data) <= best + 1e-6
    assert loss(module, merge(space, nets, "aligned greedy", module, data), data) <= best + 1e-6


def test_copies_are_mergeable_and_strangers_less():
    space, _, one = trained("mlp")
    copy, _ = hidden(space, one, 3)
    same, other = mergeable(space, one, copy), mergeable(space, one, trained("mlp", 1)[2])
    assert same.value > 0.999 > 0.8 > other.value > other.raw
    assert same.raw < 0.5
    assert same.kept > 0.999 > other.kept
    assert set(other.tensors) == {"linears.0.weight", "linears.1.weight", "linears.2.weight"}


@pytest.mark.parametrize("name", ["fused", "rotary"])
def test_a_child_needs_no_aligning_where_matrices_mix_neurons(name):
    space, _, _, weights = mixing(name)
    child = noisy(weights, 0.1, 3)
    assert mergeable(space, weights, child).raw == alike(space, weights, child) > 0.99
    turned = space.apply(space.random_symmetry(torch.Generator().manual_seed(0), KINDS), child)
    found = mergeable(space, weights, turned)
    assert found.raw < 0.8 < 0.98 < found.value
    with pytest.raises(ValueError, match="alike takes two single nets"):
        alike(space, {n: t.unsqueeze(0) for n, t in weights.items()}, child)


def test_half_precision_stays():
    space, _, weights = trained("mlp")
    half = {name: tensor.half() for name, tensor in weights.items()}
    assert all(tensor.dtype == torch.float16 for tensor in merge(space, [half, half]).values())


def test_bad_merges_are_told():
    space, _, weights = trained("mlp")
    with pytest.raises(ValueError, match="at least two nets, got 1"):
        merge(space, [weights])
    with pytest.raises(ValueError, match=r"method must be one of average.* got 'magic'"):
        merge(space, [weights, weights], "magic")
    with pytest.raises(ValueError, match="greedy soup needs module= and data="):
        merge(space, [weights, weights], "greedy")
