"""A stack of adapters of one base as batched matrix products."""

from typing import cast

import torch
from torch import Tensor

from weightspace.nets.adapter import AdaptedLinear, Adapter
from weightspace.nets.stacked.dropout import Noise


def run_adapters(net: Adapter, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack; see ``run_stack``."""
    assert noise is None
    nets = len(weights["layers.0.lora_A"])
    x = x.expand(nets, -1, -1) if x.dim() == 2 else x
    for number, layer in enumerate(cast(list[AdaptedLinear], net.layers)):
        matrix = effective_weight(layer, weights, f"layers.{number}")
        bias = layer.bias_of_base.to(x).expand(nets, 1, -1)
        x = torch.baddbmm(bias, x if number == 0 else x.relu(), matrix.mT)
    return x


def effective_weight(layer: AdaptedLinear, weights: dict[str, Tensor], name: str) -> Tensor:
    """The matrix of one layer, ``[nets, out, in]``."""
    return layer.effective(weights[f"{name}.lora_A"], weights[f"{name}.lora_B"], weights.get(f"{name}.magnitude"))
