"""Scales are brought to those of the other net, and nothing is blown up on the way."""

import pytest
import torch
from torch import nn

from weightspace.align import align
from weightspace.space import WeightSpace

SPACE = WeightSpace.trace(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), torch.zeros(2, 4))


def _net(seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(spec.sizes, generator=generator, dtype=torch.float64) for name, spec in SPACE.tensors.items()
    }


def _weakened(net, into, out):
    """The net with one neuron that hears or says little."""
    net = {name: tensor.clone() for name, tensor in net.items()}
    net["0.weight"][2] *= into
    net["0.bias"][2] *= into
    net["2.weight"][:, 2] *= out
    return net


def _size(tensor):
    return float(tensor.square().mean().sqrt())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("into", "out"), [(1e-2, 1e-3), (1.0, 1e-13), (1e-9, 1.0), (1e-9, 1e-9)])
def test_a_nearly_dead_neuron_blows_up_nothing(into, out, seed):
    strong, weak = _net(seed), _weakened(_net(seed + 50), into, out)
    for a, b in ((weak, strong), (strong, weak)):
        moved = SPACE.apply(align(SPACE, a, b), b)
        for name, tensor in moved.items():
            assert _size(tensor) < 2 * max(_size(a[name]), _size(b[name])), name


def test_scales_far_apart_are_found():
    a = _net(3)
    factors = torch.tensor([1e-4, 1e-2, 1.0, 7.0, 1e2, 1e5], dtype=torch.float64)
    b = {"0.weight": a["0.weight"] * factors[:, None], "0.bias": a["0.bias"] * factors}
    b |= {"2.weight": a["2.weight"] / factors, "2.bias": a["2.bias"]}
    moved = SPACE.apply(align(SPACE, a, b), b)
    for name, tensor in moved.items():
        torch.testing.assert_close(tensor, a[name], rtol=1e-6, atol=1e-9)
