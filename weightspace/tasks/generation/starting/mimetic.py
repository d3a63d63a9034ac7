"""Attention that begins as trained attention looks."""

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import Dataset
from weightspace.nets import Architecture
from weightspace.nets.net import Net
from weightspace.tasks.generation.starting.headstart import Weights
from weightspace.tasks.generation.starting.inits import by_rule

ALIKE, NOISY = (0.7, 0.7), (0.4, 0.4)
"""Shares of the identity and of noise: in the product of queries and keys, and of values and the projection."""


def mimetic(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Transformers whose queries meet keys like the identity, and whose values leave with the other sign.

    Products of each head's matrices are set to a share of the identity plus noise, and split into two factors by their
    largest singular values; all else is Xavier's init. Trockman and Kolter 2023, "Mimetic initialization of
    self-attention layers", section 4.

    Raises:
        ValueError: a net that isn't a vision transformer.
    """
    if architecture.net != "vit":
        raise ValueError(f"Mimetic initialisation is for nets with attention (vit), got {architecture.net}.")
    weights, source = by_rule("xavier", architecture, nets, data, seed), torch.Generator().manual_seed(seed)
    heads = int(cast(Net, architecture.build()).settings["heads"])
    for name in [name.removesuffix(".qkv.weight") for name in weights if name.endswith(".qkv.weight")]:
        qkv, out = weights[f"{name}.qkv.weight"], weights[f"{name}.out.weight"]
        parts = qkv.unflatten(1, (3, heads, -1)).clone()
        turned = out.unflatten(2, (heads, -1)).clone()
        for net in range(nets):
            for head in range(heads):
                parts[net, 0, head], parts[net, 1, head] = _factors(*ALIKE, parts.shape[3:], source)
                first, second = _factors(-NOISY[0], NOISY[1], parts.shape[3:], source)
                parts[net, 2, head], turned[net, :, head] = first, second.T
        weights[f"{name}.qkv.weight"], weights[f"{name}.out.weight"] = parts.flatten(1, 3), turned.flatten(2)
    return weights


def _factors(
    alike: float, noisy: float, shape: tuple[int, ...], source: torch.Generator
) -> tuple[Float[Tensor, "head dim"], Float[Tensor, "head dim"]]:
    """Two matrices whose product is as near as it can be to a share of the identity plus noise."""
    rank, dim = shape
    noise = torch.randn(dim, dim, generator=source) / math.sqrt(dim)
    left, values, right = torch.linalg.svd(alike * torch.eye(dim) + noisy * noise)
    root = values[:rank].sqrt()[:, None]
    return root * left.T[:rank], root * right[:rank]
