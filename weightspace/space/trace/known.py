"""What is known of sizes, constants and parameters before anything is read."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from weightspace.space.algebra.causes import because
from weightspace.space.algebra.dims import leaf
from weightspace.space.algebra.operator import constant
from weightspace.space.algebra.value import Value


def known_size(size: Any) -> Any:
    """The example's number for a size that varies; anything else as it is."""
    if not isinstance(size, torch.SymInt):
        return size
    return size.node.hint


def constant_value(tensor: Tensor) -> Value:
    """A tensor that the state dict doesn't hold: fixed, unless all its entries are equal."""
    readable = tensor.numel() > 0 and tensor.device.type != "meta" and tensor.layout == torch.strided
    same = readable and bool((tensor == tensor.flatten()[0]).all())
    kind = "data" if not same else "zero" if not bool(tensor.flatten()[0]) else "uniform"
    made = constant(kind, tuple(tensor.shape), tensor.dtype)
    return replace(made, number=tensor.flatten()[0].item()) if same else made


def constant_of(program: ExportedProgram, name: str, fake: Tensor) -> Tensor:
    """A tensor that an exported program holds by name; one without numbers if it holds none."""
    found = program.constants.get(name, program.state_dict.get(name))
    return found if isinstance(found, Tensor) else torch.empty(fake.shape, dtype=fake.dtype, device="meta")


def parameter_value(name: str, tensor: Tensor) -> Value:
    """Every axis may move until the code says otherwise; whole numbers (indices) and sparse tensors don't."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.layout != torch.strided:
        return fixed_value(tensor)
    axes = tuple(frozenset([axis]) for axis in range(tensor.ndim))
    return Value(tuple(leaf(size) for size in tensor.shape), tensor.dtype, origin={name: axes})


def fixed_value(tensor: Tensor) -> Value:
    """A tensor that belongs to no neuron, like the extra state that a module saves: nobody knows what reads it."""
    with because("what reads such a tensor isn't known"):
        return constant("data", tuple(tensor.shape), tensor.dtype)
