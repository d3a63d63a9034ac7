"""What is measured of a step: its time, how busy the device is, its kernels, and the least time that cards need."""

import time
from collections.abc import Callable
from typing import Any

import torch

from weightspace.machine.work import CARDS, busy_share, count_work

Step = Callable[[], object]


def wait(device: str) -> None:
    """Until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def milliseconds(step: Step, seconds: float, device: str, together: int = 10) -> float:
    """Of one step, over some seconds; the device is waited for after several together, as in training."""
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(together):
            step()
        steps += together
        wait(device)
    return 1e3 * (time.perf_counter() - began) / steps


def measured(
    step: Step, seconds: float, device: str, precision: str = "float32", counted: bool = True, together: int = 10
) -> dict[str, Any]:
    """What one row says of a step: after three that warm up.

    Args:
        precision: in which cards do its products, for their least time.
        counted: count kernels and least times; a compiled step can't be counted.
    """
    for _ in range(3):
        step()
    work = count_work(step) if counted else None
    wait(device)
    row: dict[str, Any] = {"ms": milliseconds(step, seconds, device, together)}
    with busy_share(device) as share:
        for _ in range(together):
            step()
    row["busy"] = share["busy"]
    if work is not None:
        floors = {f"floor_{card}_ms": 1e3 * work.floor(CARDS[card], precision) for card in CARDS}
        row |= {"kernels": work.kernels, "gflop": work.flops / 1e9, "gbyte": work.bytes / 1e9, **floors}
    return row
