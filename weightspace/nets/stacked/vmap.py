"""A stack of any nets through ``torch.func``."""

import copy
import functools

import torch
from torch import Tensor, nn

from weightspace.nets import example_inputs
from weightspace.nets.stacked.dropout import HashDropout, Noise


def run_any(net: nn.Module, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack by ``vmap`` over ``functional_call``; see ``run_stack``."""
    plain, dropouts = _with_hash_dropout(net)
    plain.train(net.training)
    shared = x.dim() == example_inputs(net)[0].dim()

    def one(weights: dict[str, Tensor], x: Tensor, *numbers: Tensor) -> Tensor:
        for dropout in dropouts:
            dropout.key, dropout.level, dropout.scale = numbers or (None, None, None)
        return torch.func.functional_call(plain, weights, (x,))

    numbers = () if noise is None else (noise.keys, noise.levels, noise.scales)
    run = torch.func.vmap(one, in_dims=(0, None if shared else 0, *[0] * len(numbers)))
    return run(weights, x, *numbers)


@functools.lru_cache(maxsize=8)
def _with_hash_dropout(net: nn.Module) -> tuple[nn.Module, list[HashDropout]]:
    plain, dropouts = copy.deepcopy(net), []
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                dropouts.append(HashDropout(len(dropouts) + 1))
                setattr(module, name, dropouts[-1])
    return plain, dropouts
