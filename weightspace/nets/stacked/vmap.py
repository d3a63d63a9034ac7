"""A stack of any nets through ``torch.func``."""

import copy
import functools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from weightspace.nets import example_inputs
from weightspace.nets.stacked.dropout import HashDropout, Noise


def run_any(net: nn.Module, weights: dict[str, Tensor], x: Tensor, noise: Noise | None) -> Tensor:
    """Runs a stack by ``vmap`` over ``functional_call``, or one net after the other; see ``run_stack``."""
    stackable = is_stackable(net)  # it leaves the copy in evaluation mode
    plain, dropouts = _with_hash_dropout(net)
    plain.train(net.training)
    shared = x.dim() == example_inputs(net)[0].dim()

    def one(weights: dict[str, Tensor], x: Tensor, *numbers: Tensor) -> Tensor:
        for dropout in dropouts:
            dropout.key, dropout.level, dropout.scale = numbers or (None, None, None)
        return torch.func.functional_call(plain, weights, (x,))

    numbers = () if noise is None else (noise.keys, noise.levels, noise.scales)
    if not stackable:
        return _one_by_one(one, weights, x, shared, numbers)
    run = torch.func.vmap(one, in_dims=(0, None if shared else 0, *[0] * len(numbers)))
    return run(weights, x, *numbers)


def run_each(net: nn.Module, weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Runs a stack of any modules one after the other on inputs that all share."""
    count = len(next(iter(weights.values())))
    return torch.stack(
        [torch.func.functional_call(net, {name: w[k] for name, w in weights.items()}, (x,)) for k in range(count)]
    )


@functools.lru_cache(maxsize=8)
def is_stackable(net: nn.Module) -> bool:
    """Whether ``vmap`` runs a net, in training as in evaluation.

    It doesn't where an operator has no batching rule (LSTM, GRU), where the forward branches on values, writes into
    tensors that the stack shares, or draws random numbers.
    """
    plain, _ = _with_hash_dropout(net)
    inputs = example_inputs(net)[0]

    def run(weights: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(plain, weights, (inputs,))

    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an operator that vmap runs in a loop of its own
            for training in (True, False):
                plain.train(training)
                torch.func.vmap(run)({name: torch.stack([w, w]) for name, w in net.state_dict().items()})
    except Exception:  # vmap has many; what is wrong with the net itself shows when it runs alone
        return False
    return True


def _one_by_one(
    one: Callable[..., Tensor], weights: dict[str, Tensor], x: Tensor, shared: bool, numbers: tuple[Tensor, ...]
) -> Tensor:
    nets = len(next(iter(weights.values())))
    return torch.stack(
        [
            one({name: w[k] for name, w in weights.items()}, x if shared else x[k], *(number[k] for number in numbers))
            for k in range(nets)
        ]
    )


@functools.lru_cache(maxsize=8)
def _with_hash_dropout(net: nn.Module) -> tuple[nn.Module, list[HashDropout]]:
    plain, dropouts = copy.deepcopy(net), []
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                dropouts.append(HashDropout(len(dropouts) + 1))
                setattr(module, name, dropouts[-1])
    return plain, dropouts
