"""Dropouts whose rates are tensors, so that they can be learned and differ within a batch of nets."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class RateDropout(nn.Module):
    """`torch.nn.Dropout` with its rate in a buffer, which `torch.func.functional_call` can replace net by net."""

    rate: Tensor

    def __init__(self, rate: float):
        super().__init__()
        self.register_buffer("rate", torch.tensor(float(rate)))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = (torch.rand_like(x) >= self.rate).to(x.dtype)
        return x * kept / (1 - self.rate)


def tunable_dropouts(module: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """A copy of a module in which every `torch.nn.Dropout` is a `RateDropout`, and their names in it.

    Raises:
        ValueError: it has no dropout.
    """
    found, changed = [], copy.deepcopy(module)
    for name, child in list(changed.named_modules()):
        if isinstance(child, nn.Dropout):
            parent, _, last = name.rpartition(".")
            setattr(changed.get_submodule(parent), last, RateDropout(child.p))
            found.append(name)
    if not found:
        raise ValueError(f"The module must have a torch.nn.Dropout, got a {type(module).__name__} without one.")
    return changed, tuple(found)


def rates_of(names: tuple[str, ...], inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values of hyper-inputs that are named as dropouts, as the buffers of these."""
    return {f"{name}.rate": inputs[name] for name in names}
