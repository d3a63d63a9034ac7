"""Distance modulo symmetry, in weights and in function."""

import sys

import pytest
import torch

from tests.align.planted import NETS, hidden, net_of, traced
from weightspace.align import distance, function_distance
from weightspace.align.distance import pair_distances
from weightspace.nets import build_net


def stack(nets):
    return {name: torch.stack([net[name] for net in nets]) for name in nets[0]}


@pytest.mark.parametrize("name", ["tanh mlp", "siren", "cnn", "resnet"])
def test_members_of_an_orbit_have_distance_zero(name):
    space = traced(name)
    nets = [net_of(space, seed) for seed in range(3)]
    moved = [hidden(space, net, seed)[0] for seed, net in enumerate(nets)]
    table = distance(space, stack(nets), stack(moved))
    assert table.shape == (3, 3)
    size = stack(nets)["linears.0.weight" if "linears.0.weight" in space.tensors else "head.weight"][0].norm()
    assert table.diagonal().max() < 2e-3 * size
    assert (table + torch.eye(3) * 100).min() > 0.3 * size


def test_shapes_follow_the_stacks():
    space = traced("cnn")
    nets = [net_of(space, seed) for seed in range(3)]
    table = distance(space, stack(nets), stack(nets[:2]))
    assert distance(space, nets[0], nets[1]).shape == ()
    assert distance(space, nets[2], stack(nets[:2])).shape == (2,)
    assert torch.allclose(distance(space, stack(nets), nets[1]), table[:, 1])


def test_many_pairs_come_out_as_one_by_one(monkeypatch):
    space = traced("cnn")
    nets, others = ([net_of(space, seed + k) for seed in range(4)] for k in (0, 10))
    alone = torch.stack([torch.stack([distance(space, a, b) for b in others]) for a in nets])
    monkeypatch.setattr(sys.modules["weightspace.align.pairs"], "_ENTRIES", 2000)
    assert torch.allclose(distance(space, stack(nets), stack(others)), alone, rtol=1e-4)


def test_pairs_have_the_distances_of_the_table():
    space = traced("cnn")
    nets, others = (stack([net_of(space, seed + k) for seed in range(3)]) for k in (0, 10))
    pairs = torch.tensor([[2, 0], [0, 1], [2, 2], [0, 1]])
    table = distance(space, nets, others)
    assert torch.allclose(pair_distances(space, nets, others, pairs), table[pairs[:, 0], pairs[:, 1]], rtol=1e-4)
    with pytest.raises(ValueError, match="two stacks of nets, got a single net"):
        pair_distances(space, nets, {name: tensor[0] for name, tensor in others.items()}, pairs)


def test_buffers_do_not_count():
    space = traced("resnet")
    one = net_of(space, 0)
    other = {**one, "norm.running_mean": one["norm.running_mean"] * 1.01}
    assert distance(space, one, other) < 1e-9


def test_function_distance_ignores_symmetry_and_sees_another_net():
    space, (kind, settings) = traced("cnn"), NETS["cnn"]
    module = build_net(kind, **settings).double()
    one, other = net_of(space, 0), net_of(space, 1)
    inputs = torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved, _ = hidden(space, one, 3)
    assert function_distance(module, one, moved, inputs) < 1e-9
    table = function_distance(module, stack([one, other]), stack([moved, other, one]), inputs)
    assert table.shape == (2, 3)
    assert table[0, 1] > 0.05
    assert table[1, 1] == 0
