"""Deeper nets compute the same; the converter to graphs and back gives them bit for bit."""

import pytest
import torch
from torch import nn

from weightspace.align import deepen
from weightspace.graphs import from_graph, to_graph
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.testing import randomized


class Blocks(nn.Module):
    """Residual blocks of two convolutions with batch norms."""

    def __init__(self, depth):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 2)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1),
                          nn.BatchNorm2d(4)) for _ in range(depth)
        )  # fmt: skip

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for block in self.blocks:
            x = torch.relu(x + block(x))
        return self.head(x.mean((2, 3)))


CASES = {
    "mlp": ("linears", 2, lambda n: build_net("mlp", hidden=[6] * n), (4, 2)),
    "vit": ("layers", 2, lambda n: build_net("vit", dim=8, heads=2, depth=n), (3, 1, 8, 8)),
    "convolutions": ("blocks", 2, Blocks, (3, 1, 9, 9)),
}


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_a_deeper_net_computes_the_same(name, at):
    blocks, depth, make, shape = CASES[name]
    net, x = randomized(make(depth)).eval(), torch.randn(*shape, dtype=torch.float64)
    deeper = make(depth + 1).double().eval()
    x = x[:, :1].expand(-1, net.linears[0].in_features) if name == "mlp" else x
    grown = deepen(WeightSpace.trace(net, x), net.state_dict(), blocks, at)
    deeper.load_state_dict(grown)
    assert (net(x) - deeper(x)).abs().max() < 1e-12 * net(x).abs().max()
    back = from_graph(to_graph(WeightSpace.trace(deeper, x), grown))
    assert all(torch.equal(back[n], tensor) for n, tensor in grown.items())


def test_a_silent_block_learns():
    net = randomized(build_net("vit", dim=8, heads=2, depth=2)).float()
    x = torch.randn(3, 1, 8, 8)
    grown = deepen(WeightSpace.trace(net, x), net.state_dict(), "layers", 2)
    deeper = build_net("vit", dim=8, heads=2, depth=3)
    deeper.load_state_dict(grown)
    deeper(x).square().sum().backward()
    assert float(deeper.layers[2].down.weight.grad.abs().sum()) > 0


def test_bad_wishes_are_told():
    tanh = build_net("mlp", hidden=[6, 6], activation="tanh")
    space, weights = WeightSpace.trace(tanh, *tanh.example_inputs()), tanh.state_dict()
    with pytest.raises(ValueError, match="comes tanh, which does more when it acts twice"):
        deepen(space, weights, "linears", 1)
    with pytest.raises(ValueError, match=r"No tensor is called 'layers\.' and a number; the first is 'linears\.0"):
        deepen(space, weights, "layers", 1)
    with pytest.raises(ValueError, match="at must lie between 1 and 3, as the new block follows another, got 0"):
        deepen(space, weights, "linears", 0)
