"""Merging: what shares a start, what doesn't, soups, task vectors, and a number beforehand."""

import pytest
import torch

from tests.align.planted import gap, hidden
from tests.align.trained import points, trained
from weightspace.align import merge, mergeable
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
