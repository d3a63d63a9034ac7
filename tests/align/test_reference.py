"""Many nets aligned at once."""

import pytest

from tests.align.planted import gap, hidden, net_of, noisy, traced
from weightspace.align import align_all


@pytest.mark.parametrize("name", ["tanh mlp", "cnn", "resnet"])
def test_copies_of_one_net_all_come_home(name):
    space = traced(name)
    first = net_of(space, 0)
    nets = [first, *(hidden(space, noisy(first, 0.01, seed), seed)[0] for seed in range(1, 4))]
    for net, symmetry in zip(nets, align_all(space, nets), strict=True):
        assert gap(first, space.apply(symmetry, net)) < 0.05


def test_strangers_come_closer_to_their_mean():
    space = traced("tanh mlp")
    nets = [net_of(space, seed) for seed in range(4)]
    moved = [space.apply(symmetry, net) for net, symmetry in zip(nets, align_all(space, nets), strict=True)]
    norms = [sum(float(sum(net[n] for net in side).square().sum()) for n in space.tensors) for side in (nets, moved)]
    assert norms[1] > 1.3 * norms[0]  # what adds up is alike


def test_one_net_is_refused():
    space = traced("cnn")
    with pytest.raises(ValueError, match="at least two nets, got 1"):
        align_all(space, [net_of(space, 0)])
