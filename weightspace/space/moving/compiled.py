"""Moving and scaling the entries of a tensor along several axes in one pass, by compiled code."""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from weightspace.machine.compiler import load_native

SOURCE = Path(__file__).with_name("compiled.c")
_SHARE_FROM = 1 << 18  # entries; fewer aren't shared among threads
_WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True, eq=False)
class Acting:
    """What happens along one axis: new place ``i`` holds old place ``order[i]``, times ``factor[i]``.

    Args:
        size: of the axis.
        order: ``[size]``, or ``[nets, size]`` for an order a net; None where nothing moves.
        factor: the same shapes; None where nothing is scaled.
    """

    size: int
    order: Int[Tensor, "*nets size"] | None = None
    factor: Float64[Tensor, "*nets size"] | None = None

    @property
    def acts(self) -> bool:
        """Whether anything happens."""
        return self.order is not None or self.factor is not None


class _Axis(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_int64), ("step", ctypes.c_int64), ("order", ctypes.c_void_p), ("factor", ctypes.c_void_p),
        ("order_net", ctypes.c_int64), ("factor_net", ctypes.c_int64),
    )  # fmt: skip


def fits(tensor: Tensor) -> bool:
    """Whether compiled code can act on a tensor: a plain one in memory, without gradients to pass."""
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    return (
        plain
        and not (tensor.requires_grad and torch.is_grad_enabled())
        and not (tensor.is_conj() or tensor.is_neg())
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and tensor.element_size() in _WIDTHS
        and not torch.compiler.is_compiling()
        and load_native(SOURCE) is not None
    )


def scales(tensor: Tensor) -> bool:
    """Whether compiled code can multiply the tensor's entries."""
    return tensor.dtype in (torch.float32, torch.float64)


def act(
    tensor: Tensor, axes: Sequence[Acting], stacked: bool, out: Tensor
) -> list[Callable[[], None]]:  # fmt: skip
    """Jobs that fill ``out`` with a tensor's entries at their new places; run them all, in any order, in any threads.

    Args:
        tensor: ``[...]``, or ``[nets, ...]`` if ``stacked``; one that `fits`, and `scales` where there are factors.
        axes: what happens along each axis. out: contiguous, of the same shape and type, in other memory.
    """
    native, tensor, joined = load_native(SOURCE), tensor.contiguous(), _joined(axes)
    assert native is not None and out.is_contiguous() and out.shape == tensor.shape
    if tensor.numel() == 0:
        return []
    nets = tensor.shape[0] if stacked else 1
    described, kept = _described(joined, tensor.dtype)
    is_scaled = any(axis.factor is not None for axis in joined)
    numbers = (tensor.element_size(), is_scaled, len(joined))

    def job(first: int, last: int, low: int, high: int) -> Callable[[], None]:
        def run(_kept: object = (kept, tensor, out)) -> None:
            native.act(
                *map(ctypes.c_long, numbers), described, *map(ctypes.c_long, (first, last, low, high)),
                ctypes.c_void_p(tensor.data_ptr()), ctypes.c_void_p(out.data_ptr()),
            )  # fmt: skip

        return run

    parts = torch.get_num_threads() if tensor.numel() >= _SHARE_FROM else 1
    rows = joined[0].size
    if nets >= parts:
        return [job(low, high, 0, rows) for low, high in _bounds(nets, parts)]
    return [job(0, nets, low, high) for low, high in _bounds(rows, parts)]


def run_all(jobs: Sequence[Callable[[], None]], numel: int) -> None:
    """Run jobs, in as many threads as torch uses if there are that many entries to move."""
    threads = torch.get_num_threads()
    if threads == 1 or numel < _SHARE_FROM:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda job: job(), jobs))


def _bounds(count: int, parts: int) -> list[tuple[int, int]]:
    ends = [count * part // parts for part in range(parts + 1)]
    return [(low, high) for low, high in pairwise(ends) if high > low]


def _joined(axes: Sequence[Acting]) -> list[Acting]:
    """Neighbouring axes along which nothing happens as one; at least one axis."""
    found: list[Acting] = []
    for axis in axes:
        if found and not axis.acts and not found[-1].acts:
            found[-1] = Acting(found[-1].size * axis.size)
        elif axis.acts or axis.size != 1:
            found.append(axis)
    return found or [Acting(1)]


def _described(axes: Sequence[Acting], dtype: torch.dtype) -> tuple[ctypes.Array, list[Tensor]]:
    """The axes as the C code reads them, and the tensors that must live as long."""
    kept, found, step = [], [], 1
    for axis in axes[::-1]:
        order = None if axis.order is None else axis.order.to(torch.int32).contiguous()
        factor = None if axis.factor is None else axis.factor.to(dtype).contiguous()
        kept += [value for value in (order, factor) if value is not None]
        nets = [axis.size if value is not None and value.ndim > 1 else 0 for value in (order, factor)]
        pointers = [None if value is None else value.data_ptr() for value in (order, factor)]
        found.append(_Axis(axis.size, step, *pointers, *nets))
        step *= axis.size
    return (_Axis * len(found))(*found[::-1]), kept
