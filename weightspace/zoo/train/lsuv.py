"""Layer-sequential unit-variance initialisation."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def scale_layers(net: nn.Module, batch: Tensor, rounds: int = 5, tolerance: float = 0.05) -> None:
    """Scales every weight, first layer first, until its outputs have variance 1 on ``batch``.

    Mishkin and Matas 2016, "All you need is a good init"; weights are orthonormal before.
    """
    for layer in [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)]:
        for _ in range(rounds):
            spread = float(_output(net, layer, batch).std())
            if spread == 0 or abs(spread - 1) < tolerance:
                break
            layer.weight /= spread


def _output(net: nn.Module, layer: nn.Module, batch: Tensor) -> Tensor:
    seen: list[Tensor] = []

    def keep(module: nn.Module, args: tuple, out: Tensor) -> None:
        seen.append(out)

    handle = layer.register_forward_hook(keep)
    try:
        net(batch)
    finally:
        handle.remove()
    return seen[0]
