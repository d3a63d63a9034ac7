"""Wider nets compute the same; the converter to graphs and back gives them bit for bit."""

import pytest
import torch
from torch import nn

from weightspace.align.merging.widen import widen
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
    ("mlp", {"hidden": [6, 6], "activation": "tanh"}, {"hidden": [6, 7]}, "linears.1", 7),
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
    with pytest.raises(ValueError, match="are channels of heads: copies would count twice"):
        widen(space, weights, "layers.0.qkv.dim", 8)
    with pytest.raises(ValueError, match="size must be a multiple of 8, got 9"):
        widen(space, weights, "patches", 9)


class Heads(nn.Module):
    """Attention with as many heads as one wants, each of four channels, and a flatten behind it."""

    def __init__(self, heads, width=8):
        super().__init__()
        self.heads, self.embed, self.norm = heads, nn.Linear(5, width), nn.LayerNorm(width)
        self.qkv, self.o, self.out = nn.Linear(width, 12 * heads), nn.Linear(4 * heads, width), nn.Linear(7 * width, 3)

    def forward(self, x):
        x = self.embed(x)
        q, k, v = self.qkv(self.norm(x)).view(*x.shape[:2], 3, self.heads, 4).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out(torch.relu(x + self.o(mixed)).flatten(1))


@pytest.mark.parametrize(("name", "heads", "width"), [("qkv.heads", 5, 8), ("embed", 2, 16)])
def test_heads_and_flattened_streams_are_widened(name, heads, width):
    net, x = randomized(Heads(2)), torch.randn(3, 7, 5, dtype=torch.float64)
    space, other = WeightSpace.trace(net, x), Heads(heads, width).double()
    other.load_state_dict(
        widen(space, net.state_dict(), name, max(heads, width) if name == "embed" else heads, noise=0.3)
    )
    assert (net(x) - other(x)).abs().max() < 1e-11 * net(x).abs().max()
