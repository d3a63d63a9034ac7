"""Small nets that were trained for a moment on points in three clusters: enough for losses to mean something."""

import functools

import torch
from torch import Tensor, nn

from weightspace.nets import build_net
from weightspace.space import WeightSpace

SETTINGS = {
    "mlp": {"in_features": 8, "hidden": [32, 32], "out_features": 3},
    "cnn": {"channels": [8, 8], "stride": [1, 2], "classes": 3},
    "resnet": {"width": 8, "blocks": [1], "classes": 3},
}


@functools.cache
def points(kind: str, count: int = 300) -> tuple[Tensor, Tensor]:
    """Inputs and classes: eight overlapping blobs shared by three classes, or images of them."""
    generator = torch.Generator().manual_seed(0)
    blob = torch.randint(8, (count,), generator=generator)
    shape = (8,) if kind == "mlp" else (1, 8, 8)
    centres = torch.randn(8, *shape, generator=torch.Generator().manual_seed(1))
    return centres[blob] + 0.7 * torch.randn(count, *shape, generator=generator), blob % 3


@functools.cache
def trained(kind: str, seed: int = 0, steps: int = 150) -> tuple[WeightSpace, nn.Module, dict[str, Tensor]]:
    """A weight space, a module of it, and the weights of a net trained from a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build_net(kind, **SETTINGS[kind])
        inputs, targets = points(kind)
        optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, weight_decay=1e-4)
        for _ in range(steps):
            rows = torch.randint(len(inputs), (64,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    net.eval()
    space = WeightSpace.trace(net, inputs[:2])
    return space, net, {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
