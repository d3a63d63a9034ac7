"""Moving and scaling the entries of tensors along several axes, one pass a tensor, by compiled code."""

import ctypes
from array import array
from collections.abc import Sequence
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
_MUCH = 1 << 21  # entries; more don't stay in the caches
_WIDTHS = (1, 2, 4, 8)
_MOST_AXES = 64
_PLAIN = (Tensor, torch.nn.Parameter)


@dataclass(frozen=True, eq=False)
class Acting:
    """What happens along one axis: new place ``i`` holds old place ``order[i]``, times ``factor[i]``.

    Args:
        size: of the axis.
        order: ``[size]``, or ``[nets, size]`` for an order a net, best in int32; None where nothing moves.
        factor: the same shapes; None where nothing is scaled.
    """

    size: int
    order: Int[Tensor, "*nets size"] | None = None
    factor: Float64[Tensor, "*nets size"] | None = None

    @property
    def acts(self) -> bool:
        """Whether anything happens."""
        return self.order is not None or self.factor is not None


def is_ready() -> bool:
    """Whether there is compiled code, and torch isn't compiling its own now."""
    return not torch.compiler.is_compiling() and load_native(SOURCE) is not None


def fits(tensor: Tensor) -> bool:
    """Whether compiled code can act on a tensor: a plain one in memory, without gradients to pass."""
    return (
        type(tensor) in _PLAIN
        and tensor.is_cpu
        and tensor.layout == torch.strided
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and not (tensor.requires_grad and torch.is_grad_enabled())
        and not (tensor.is_conj() or tensor.is_neg())
        and tensor.element_size() in _WIDTHS
        and tensor.ndim < _MOST_AXES
    )


def scales(tensor: Tensor) -> bool:
    """Whether compiled code can multiply the tensor's entries."""
    return tensor.dtype in (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class _Described:
    """Axes as the C code reads them."""

    numbers: array
    count: int
    size: int
    is_scaled: bool
    acts: bool


class Work:
    """Tensors that are to be acted on; `run` does it, in as many threads as torch uses."""

    def __init__(self) -> None:
        self._tasks: list[tuple[int, list[int], int, int]] = []  # entries, numbers, nets, places of the first axis
        self._described: dict[tuple[object, ...], _Described] = {}
        self._axes: dict[tuple[Acting, torch.dtype], tuple[list[int], list[int], list[Tensor]]] = {}
        self._kept: list[object] = []

    def add(self, tensor: Tensor, axes: Sequence[Acting], stacked: bool, out: Tensor) -> None:
        """Have ``out`` filled with a tensor's entries at their new places.

        Args:
            tensor: ``[...]``, or ``[nets, ...]`` if ``stacked``; one that `fits`, and `scales` where there are factors.
            axes: what happens along each axis. out: contiguous, of the same shape and type; in other memory, or the
                very same.
        """
        tensor, numel = tensor.contiguous(), tensor.numel()
        assert out.is_contiguous() and out.shape == tensor.shape
        key = (tensor.dtype, *axes)
        found = self._described.get(key)
        if found is None:
            found = self._described[key] = self._describe(_joined(axes), tensor.dtype)
        data, target = tensor.data_ptr(), out.data_ptr()
        if numel == 0 or (data == target and not found.acts):
            return
        nets = tensor.shape[0] if stacked else 1
        numbers = [data, target, found.numbers.buffer_info()[0], found.count, tensor.element_size(), found.is_scaled]
        self._tasks.append((numel, numbers, nets, found.size))
        self._kept += (tensor, out)

    def _describe(self, axes: Sequence[Acting], dtype: torch.dtype) -> _Described:
        rows, step = list[list[int]](), 1
        for axis in axes[::-1]:
            if (axis, dtype) not in self._axes:
                self._axes[axis, dtype] = _numbers(axis, dtype)
            at, between, _ = self._axes[axis, dtype]
            rows.append([axis.size, step, *at, *between, 0])
            step *= axis.size
        packed = array("q", [n for numbers in rows[::-1] for n in numbers])
        is_scaled = any(axis.factor is not None for axis in axes)
        return _Described(packed, len(axes), axes[0].size, is_scaled, any(axis.acts for axis in axes))

    def run(self) -> None:
        """Act on all that was added."""
        native = load_native(SOURCE)
        assert native is not None
        total = sum(task[0] for task in self._tasks)
        threads = torch.get_num_threads() if total >= _SHARE_FROM else 1
        lists = [array("q", [n for numbers in share for n in numbers]) for share in self._shares(threads)]
        is_much, calls = ctypes.c_long(total >= _MUCH), []
        for numbers in lists:
            count, start = ctypes.c_long(len(numbers) // 10), ctypes.c_void_p(numbers.buffer_info()[0])
            scratch = torch.empty(native.room(count, start), dtype=torch.uint8)
            calls.append((count, start, is_much, ctypes.c_void_p(scratch.data_ptr()), scratch))
        if threads == 1:
            native.act(*calls[0][:4])
            return
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda call: native.act(*call[:4]), calls))

    def _shares(self, threads: int) -> list[list[list[int]]]:
        """For each thread the numbers of its tasks: nets are shared, or rows, or else tensors, the largest first."""
        shares: list[list[list[int]]] = [[] for _ in range(threads)]
        loads = [0] * threads
        for numel, numbers, nets, rows in sorted(self._tasks, key=lambda task: -task[0]):
            is_large = threads > 1 and numel * threads >= _SHARE_FROM
            if is_large and nets >= threads:
                bounds = [(low, high, 0, rows) for low, high in _bounds(nets, threads)]
            elif is_large and numbers[0] != numbers[1] and rows >= threads:
                bounds = [(0, nets, low, high) for low, high in _bounds(rows, threads)]
            else:
                least = loads.index(min(loads))
                loads[least] += numel
                shares[least].append([*numbers, 0, nets, 0, rows])
                continue
            for share, bound in zip(shares, bounds, strict=True):
                share.append([*numbers, *bound])
        return shares


def _bounds(count: int, parts: int) -> list[tuple[int, int]]:
    return list(pairwise(count * part // parts for part in range(parts + 1)))


def _joined(axes: Sequence[Acting]) -> list[Acting]:
    """Neighbouring axes along which nothing happens as one; at least one axis."""
    found: list[Acting] = []
    for axis in axes:
        if found and not axis.acts and not found[-1].acts:
            found[-1] = Acting(found[-1].size * axis.size)
        elif axis.acts or axis.size != 1:
            found.append(axis)
    return found or [Acting(1)]


def _numbers(axis: Acting, dtype: torch.dtype) -> tuple[list[int], list[int], list[Tensor]]:
    """Where order and factors of an axis lie, how far apart those of two nets do, and the tensors themselves."""
    at, between, kept = [], [], []
    for value, own in ((axis.order, torch.int32), (axis.factor, dtype)):
        if value is not None:
            value = value.to(own).contiguous()
            kept.append(value)
        at.append(0 if value is None else value.data_ptr())
        between.append(axis.size if value is not None and value.ndim > 1 else 0)
    return at, between, kept
