"""Nets with random weights, and the same nets hidden by a random symmetry and noise."""

import functools

import torch
from torch import Tensor

from weightspace.nets import build_net
from weightspace.space import Symmetry, WeightSpace

KINDS = ("permutation", "scale", "sign", "phase")
NETS = {
    "mlp": ("mlp", {"hidden": [5, 5, 5]}),
    "wide mlp": ("mlp", {"hidden": [50, 50, 50, 50]}),
    "tanh mlp": ("mlp", {"hidden": [16, 16, 16], "activation": "tanh"}),
    "siren": ("siren", {"hidden": [16, 16]}),
    "cnn": ("cnn", {"channels": [3, 5, 4]}),
    "wide cnn": ("cnn", {"channels": [30, 50, 40]}),
    "resnet": ("resnet", {"width": 4, "blocks": [2, 2]}),
    "wide resnet": ("resnet", {"width": 48, "blocks": [1]}),
    "vit": ("vit", {"dim": 16, "heads": 4, "depth": 2}),
}


@functools.cache
def traced(name: str) -> WeightSpace:
    """The weight space of a net of the list."""
    kind, settings = NETS[name]
    net = build_net(kind, **settings)
    return WeightSpace.trace(net, *net.example_inputs())


def net_of(space: WeightSpace, seed: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """Normal weights, so large that signals keep their size; counters are zero, variances positive."""
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, spec in space.tensors.items():
        if not spec.dtype.startswith("float"):
            weights[name] = torch.zeros(spec.shape, dtype=torch.int64)
            continue
        drawn = torch.randn(*spec.shape, generator=generator, dtype=dtype)
        fan_in = spec.numel / spec.shape[0] if len(spec.axes) > 1 else 1.0
        weights[name] = drawn.abs() if spec.slot == "var" else drawn / fan_in**0.5
    return weights


def noisy(weights: dict[str, Tensor], share: float, seed: int) -> dict[str, Tensor]:
    """Weights with normal noise, a share of each tensor's standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: tensor + share * tensor.std() * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        if tensor.is_floating_point() and tensor.numel() > 1
        else tensor
        for name, tensor in weights.items()
    }


def hidden(space: WeightSpace, weights: dict[str, Tensor], seed: int) -> tuple[dict[str, Tensor], Symmetry]:
    """The weights after a random symmetry of all kinds, and that symmetry."""
    symmetry = space.random_symmetry(torch.Generator().manual_seed(seed), kinds=KINDS)
    return space.apply(symmetry, weights), symmetry


def gap(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The norm of the difference of two nets over that of the first."""
    names = [name for name in one if one[name].is_floating_point()]
    squares = [(one[name].double() - other[name].double()).square().sum() for name in names]
    return float((sum(squares) / sum(one[name].double().square().sum() for name in names)).sqrt())
