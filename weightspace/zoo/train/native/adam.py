"""Adam on the rows of a stack on a CPU, by compiled code."""

import ctypes
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.machine.compiler import load_native

SOURCE = Path(__file__).with_name("adam.c")


def adam_rows(
    flat: Float[Tensor, "nets parameters"],
    grad: Float[Tensor, "nets parameters"],
    mean: Float[Tensor, "nets parameters"],
    square: Float[Tensor, "nets parameters"],
    lr: Float[Tensor, "nets 1"],
    decay: Float[Tensor, "nets 1"],
    step: Float[Tensor, "nets 1"],
    decoupled: bool,
    betas: tuple[float, float],
    eps: float,
) -> bool:
    """Moves ``flat``, ``mean`` and ``square`` in place, or answers False where it can't: ask a tensor library then."""
    tensors = (flat, grad, mean, square, lr, decay, step)
    if not all(t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in tensors):
        return False
    native = load_native(SOURCE)
    if native is not None:
        native.adam_rows(
            *map(ctypes.c_long, flat.shape),
            *(ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors),
            ctypes.c_int(decoupled),
            *map(ctypes.c_double, (*betas, eps)),
        )
    return native is not None
