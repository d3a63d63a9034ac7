"""A module's tensors by name, which of them share memory, and copies of a module that leave it as it is."""

import copy
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tie:
    """A tensor that lies in the memory of another one.

    Args:
        first: the name of the other one.
        order: its axes in the order of this one's, so that the two are one tensor; None where they overlap in another
            way.
    """

    first: str
    order: tuple[int, ...] | None


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module's state dict."""
    return {name: tensor for name, tensor in module.state_dict(keep_vars=True).items() if isinstance(tensor, Tensor)}


def find_ties(tensors: Mapping[str, Tensor]) -> dict[str, Tie]:
    """For each tensor that lies in the memory of one before it: which, and how."""
    homes: dict[tuple[str, int], list[str]] = {}
    ties = {}
    for name, tensor in tensors.items():
        if tensor.numel() == 0 or tensor.device.type == "meta" or tensor.layout != torch.strided:
            continue
        home = homes.setdefault((str(tensor.device), tensor.untyped_storage().data_ptr()), [])
        first = next((other for other in home if _overlap(tensors[other], tensor)), None)
        if first is not None:
            ties[name] = Tie(first, _order(tensors[first], tensor))
        home.append(name)
    return ties


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Their ranges of memory meet (between those of a range, rows may still lie apart)."""
    spans = []
    for tensor in (one, other):
        start = tensor.storage_offset()
        extent = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        spans.append((start, start + extent))
    return one is other or (spans[0][0] <= spans[1][1] and spans[1][0] <= spans[0][1])


def _order(first: Tensor, other: Tensor) -> tuple[int, ...] | None:
    """How the axes of the one have to be permuted to give the other."""
    if first is other or (
        first.shape == other.shape and first.stride() == other.stride() and _same_start(first, other)
    ):
        return tuple(range(first.ndim))
    axes = [list(zip(t.shape, t.stride(), strict=True)) for t in (first, other)]
    if not _same_start(first, other) or sorted(axes[0]) != sorted(axes[1]) or len(set(axes[0])) < first.ndim:
        return None
    return tuple(axes[0].index(axis) for axis in axes[1])


def _same_start(one: Tensor, other: Tensor) -> bool:
    return one.storage_offset() == other.storage_offset()


def copied(module: nn.Module, double: bool = False) -> nn.Module:
    """A copy that shares parameters and buffers with the module; what its code sets on it, the module doesn't see.

    Args:
        double: other tensors that the module holds become float64.
    """
    kept: dict[int, Any] = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    computed = [value for part in module.modules() for value in vars(part).values() if isinstance(value, Tensor)]
    turn = as_double if double else Tensor.detach
    return copy.deepcopy(module, {**{id(tensor): turn(tensor) for tensor in computed}, **kept})


@contextmanager
def uncompiled() -> Iterator[None]:
    """Functions inside that `torch.compile` gave run as they were written: compiled ones may refuse float64."""
    # what compiles is loaded by torch.compile itself, and takes seconds to load
    eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    with eager, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
        yield


def as_double(tensor: Tensor) -> Tensor:
    """A copy, in float64 if it holds real numbers."""
    tensor = tensor.detach()
    if tensor.is_complex():
        return tensor.to(torch.complex128, copy=True)
    return tensor.to(torch.float64, copy=True) if tensor.is_floating_point() else tensor.clone()
