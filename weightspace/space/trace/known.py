"""What is known of sizes and constants before anything runs."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from weightspace.space.algebra.operator import constant
from weightspace.space.algebra.value import Value


def known_size(size: Any) -> Any:
    """The example's number for a size that varies; anything else as it is."""
    if not isinstance(size, torch.SymInt):
        return size
    if size.node.hint is None:
        raise ValueError(
            "The module can't be traced, because sizes in it depend on the values of tensors (nonzero, a mask as an "
            "index, packed sequences). Use torch.where or multiply with the mask, or trace the part without it."
        )
    return size.node.hint


def constant_value(tensor: Tensor) -> Value:
    """A tensor that the state dict doesn't hold: fixed, unless all its entries are equal."""
    readable = tensor.numel() > 0 and tensor.device.type != "meta" and tensor.layout == torch.strided
    same = readable and bool((tensor == tensor.flatten()[0]).all())
    kind = "data" if not same else "zero" if not bool(tensor.flatten()[0]) else "uniform"
    made = constant(kind, tuple(tensor.shape), tensor.dtype)
    return replace(made, number=tensor.flatten()[0].item()) if same else made
