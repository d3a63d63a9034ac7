"""How long a training step of each metanet takes on this machine's card, by batch and precision.

    python scripts/gpu/metanets.py            # batches of 128 and 1,024 MNIST INRs (2-32-32-1); --small: 4, on a CPU

Forward and backward from stacked weights to gradients. Beside the milliseconds: kernels of a step, the share of the
time that the device computes, and the least time that an H100 and an H200 need for the step's arithmetic and memory.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from rows import add_profile, add_row
from torch import Tensor

from weightspace.machine.work import CARDS, busy_share, count_work, kernel_table
from weightspace.metanets import METANETS
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.zoo.train.device import training_device

WIDTHS = {"width": 64, "layers": 4}
PRECISIONS = ("float32", "tf32", "bfloat16")
NEEDS_MODULE = ("ProbeNet",)
"""Metanets that are made with the module of the nets, not from their space alone."""


def training_step(name: str, space: WeightSpace, nets: int, device: str, compiled: bool) -> Callable[[], None]:
    """A step of one metanet on a fixed stack of nets."""
    metanet = METANETS[name].for_spaces(space, **WIDTHS).to(device)
    generator = torch.Generator(device).manual_seed(0)
    weights = {
        key: torch.randn((nets, *spec.shape), device=device, generator=generator) / 5
        for key, spec in space.tensors.items()
    }
    run = torch.compile(metanet) if compiled else metanet

    def step() -> None:
        metanet.zero_grad()
        found: Tensor = run(metanet.graph(space, weights))
        found.square().mean().backward()

    return step


def measure(name: str, step: Callable[[], None], nets: int, precision: str, seconds: float, device: str) -> None:
    """One row."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    cast = torch.autocast(device, torch.bfloat16) if precision == "bfloat16" else nullcontext()
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    with cast:
        for _ in range(3):
            step()
        work = count_work(step) if precision == "float32" and "compiled" not in name else None
        wait()
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            step()
            wait()
            steps += 1
        passed = (time.perf_counter() - began) / steps
        with busy_share(device) as share:
            step()
    more = {} if work is None else {"kernels": work.kernels}
    more |= {} if work is None else {f"floor_{card}_ms": 1e3 * work.floor(CARDS[card]) for card in CARDS}
    add_row(metanet=name, nets=nets, precision=precision, ms=1e3 * passed, busy=share["busy"], **more)
    if precision == "float32":
        add_profile(f"metanets-{name.lower()}", kernel_table(step, device))


def main() -> None:
    """All metanets, then the default one compiled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="four nets, float32, the default metanet and one more")
    small, device = parser.parse_args().small, training_device()
    space = WeightSpace.trace(build_net("siren"), torch.zeros(2, 2))
    names = ("SpaceNet", "UNF") if small else tuple(name for name in METANETS if name not in NEEDS_MODULE)
    for nets in (4,) if small else (128, 1024):
        for name in names:
            step = training_step(name, space, nets, device, compiled=False)
            for precision in PRECISIONS[:1] if small else PRECISIONS:
                measure(name, step, nets, precision, 0.2 if small else 0.5, device)
    if not small:
        step = training_step("SpaceNet", space, 1024, device, compiled=True)
        measure("SpaceNet, compiled", step, 1024, "bfloat16", 1.0, device)


if __name__ == "__main__":
    main()
