"""Wider nets compute the same; the converter to graphs and back gives them bit for bit."""

import pytest
import torch

from weightspace.align.grow import widen
from weightspace.graphs import from_graph, to_graph
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import randomized

CASES = [
    ("mlp", {"hidden": [6, 5]}, {"hidden": [9, 5]}, "linears.0", 9),
    ("mlp", {"hidden": [6, 5], "activation": "gelu"}, {"hidden": [6, 12]}, "linears.1", 12),
    ("mlp", {"hidden": [6, 5], "norm": "batch"}, {"hidden": [6, 7]}, "linears.1", 7),
    ("mlp", {"hidden": [6, 5], "norm": "layer"}, {"hidden": [12, 5]}, "linears.0", 12),
    ("siren", {"hidden": [6, 5]}, {"hidden": [6, 8]}, "linears.1", 8),
    ("cnn", {"channels": [3, 4, 5]}, {"channels": [5, 4, 5]}, "convs.0", 5),
    ("cnn", {"channels": [3, 4, 5]}, {"channels": [3, 4, 11]}, "convs.2", 11),
    ("vit", {"dim": 8, "heads": 2, "depth": 1, "ratio": 1}, {"ratio": 2}, "layers.0.up", 16),
]


def traced(net):
    return WeightSpace.trace(net, *(x.to(next(net.parameters()).dtype) for x in net.example_inputs()))


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize(("kind", "settings", "wider", "name", "size"), CASES)
def test_a_wider_net_computes_the_same(kind, settings, wider, name, size, noise):
    net = randomized(build_net(kind, **settings))
    other = build_net(kind, **{**settings, **wider}).double().eval()
    grown = widen(traced(net), net.state_dict(), name, size, noise=noise)
    other.load_state_dict(grown)
    inputs = torch.randn(4, *net.example_inputs()[0].shape[1:], dtype=torch.float64)
    assert (net(inputs) - other(inputs)).abs().max() < 1e-11
    space = traced(other)
    back = from_graph(to_graph(space, grown))
    assert all(torch.equal(back[n], tensor) for n, tensor in grown.items())


def test_bad_wishes_are_told():
    net = build_net("vit", dim=8, heads=2, depth=1)
    space, weights = traced(net), net.state_dict()
    with pytest.raises(ValueError, match="no free name 'magic'; there are patches"):
        widen(space, weights, "magic", 9)
    with pytest.raises(ValueError, match="has 8 neurons and can't shrink to 4"):
        widen(space, weights, "patches", 4)
    with pytest.raises(ValueError, match="stands in a product of axes"):
        widen(space, weights, "layers.0.qkv.dim", 8)
    with pytest.raises(ValueError, match="size must be a multiple of 8, not 9"):
        widen(space, weights, "patches", 9)
