"""What a computation asks of a machine: operations, bytes and kernels, and the time that a card needs at least."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Card:
    """What a card can do at most, dense: NVIDIA's data sheets of the SXM cards.

    Args:
        name: as it is sold.
        float32: operations a second outside of tensor cores.
        tf32: and inside, in TensorFloat-32.
        bfloat16: the same in bfloat16.
        bandwidth: bytes a second from its memory.
    """

    name: str
    float32: float
    tf32: float
    bfloat16: float
    bandwidth: float


CARDS = {
    "H100": Card("H100", 67e12, 494e12, 989e12, 3.35e12),
    "H200": Card("H200", 67e12, 494e12, 989e12, 4.8e12),
}


@dataclass(frozen=True)
class Work:
    """What one call did.

    Args:
        flops: floating-point operations of products and convolutions.
        bytes: read and written by all kernels, each by itself.
        kernels: launched, at least: calls of operators that compute, views left out.
    """

    flops: int
    bytes: int
    kernels: int

    def floor(self, card: Card, precision: str = "float32") -> float:
        """Seconds that the card needs at least: its arithmetic or its memory, whichever takes longer."""
        return max(self.flops / getattr(card, precision), self.bytes / card.bandwidth)


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.kernels = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        given = func(*args, **(kwargs or {}))
        if not func.is_view and func.namespace != "prim" and "detach" not in func.__name__:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, given)) if isinstance(leaf, Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.kernels += 1
        return given


def count_work(call: Callable[[], Any]) -> Work:
    """Runs ``call`` once and counts what it asked for. Compiled C and compiled graphs count as nothing or as one."""
    with FlopCounterMode(display=False) as flops, _Counter() as counter:
        call()
    return Work(flops.get_total_flops(), counter.bytes, counter.kernels)


@contextmanager
def busy_share(device: torch.device | str) -> Iterator[dict[str, float]]:
    """What share of the time inside the block the device was computing, and the seconds that passed, in a dict.

    On a CPU the share is that of the operators in the time of the process.
    """
    from torch.profiler import ProfilerActivity, profile

    found: dict[str, float] = {}
    cuda = torch.device(device).type == "cuda"
    activities = [ProfilerActivity.CUDA] if cuda else [ProfilerActivity.CPU]
    if cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    with profile(activities=activities) as profiler:
        yield found
        if cuda:
            torch.cuda.synchronize()
        passed = time.perf_counter() - began
    name = "self_device_time_total" if cuda else "self_cpu_time_total"
    busy = sum(getattr(event, name) for event in profiler.key_averages()) / 1e6
    found |= {"seconds": passed, "busy": min(1.0, busy / passed)}


def kernel_table(call: Callable[[], Any], device: torch.device | str, rows: int = 25) -> str:
    """A table of the kernels (on a CPU: operators) that a call spends most time in, once warmed up."""
    from torch.profiler import ProfilerActivity, profile

    cuda = torch.device(device).type == "cuda"
    call()
    with profile(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as profiler:
        call()
        if cuda:
            torch.cuda.synchronize()
    order = "self_device_time_total" if cuda else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=order, row_limit=rows)
