"""How long a training step of each metanet takes on this machine's card, by batch and precision.

    python scripts/gpu/metanets.py            # batches of 128 and 1,024 MNIST INRs (2-32-32-1); --small: 4, on a CPU

Forward and backward from stacked weights to gradients. Beside the milliseconds: kernels of a step, the share of the
time that the device computes, and the least time that an H100 and an H200 need for the step's arithmetic and memory.
At the smaller batch also the plain version of each paper's computation, from a list of nets (`scripts/bench/plain`).
"""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from measuring import Step, measured
from rows import add_profile, add_row, known
from torch import Tensor

from weightspace.machine.work import kernel_table
from weightspace.metanets import METANETS
from weightspace.nets import build_net
from weightspace.space import WeightSpace
from weightspace.zoo.train.device import training_device

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from plain import PLAIN

WIDTHS = {"width": 64, "layers": 4}
PRECISIONS = ("float32", "tf32", "bfloat16")
NEEDS_MODULE = ("ProbeNet",)
"""Metanets that are made with the module of the nets, not from their space alone."""


def stack_of(space: WeightSpace, nets: int, device: str) -> dict[str, Tensor]:
    """Weights of some nets."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn((nets, *spec.shape), generator=generator).to(device) / 5
        for name, spec in space.tensors.items()
    }


def training_step(name: str, space: WeightSpace, nets: int, device: str, compiled: bool = False) -> Step:
    """A step of one metanet on a fixed stack of nets."""
    metanet, weights = METANETS[name].for_spaces(space, **WIDTHS).to(device), stack_of(space, nets, device)
    run = torch.compile(metanet) if compiled else metanet

    def step() -> None:
        metanet.zero_grad()
        found: Tensor = run(metanet.graph(space, weights))
        found.square().mean().backward()

    return step


def plain_step(name: str, space: WeightSpace, nets: int, device: str) -> Step:
    """A step of the plain version, which takes a list of nets and makes everything that it needs on the device."""
    stack = {key.removeprefix("linears."): value for key, value in stack_of(space, nets, device).items()}
    each = [{key: value[net] for key, value in stack.items()} for net in range(nets)]
    with torch.device(device):
        model = PLAIN[name](*WIDTHS.values())

    def step() -> None:
        model.zero_grad()
        with torch.device(device):
            model(each).square().mean().backward()

    return step


def measure(name: str, step: Step, nets: int, precision: str, seconds: float, device: str) -> None:
    """One row."""
    compiled = "compiled" in name
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    with torch.autocast(device, torch.bfloat16) if precision == "bfloat16" else nullcontext():
        row = measured(step, seconds, device, precision, counted=not compiled, together=1)
    add_row(metanet=name, nets=nets, precision=precision, **row)
    if precision == "float32" or compiled:
        add_profile(f"metanets-{name.lower().replace(', ', '-')}", kernel_table(step, device))


def main() -> None:
    """The default metanet, as it is and compiled, then all others, then the plain versions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="four nets, float32, the default metanet and one more")
    small, device = parser.parse_args().small, training_device()
    space = WeightSpace.trace(build_net("siren"), torch.zeros(2, 2))
    names = ["SpaceNet", "UNF"] if small else [name for name in METANETS if name not in NEEDS_MODULE]
    names.sort(key=lambda name: name != "SpaceNet")
    batches, precisions, seconds = ((4,), PRECISIONS[:1], 0.2) if small else ((128, 1024), PRECISIONS, 0.25)
    cases = [(name, nets, precision) for name in names for nets in batches for precision in precisions]
    if not small:
        cases[6:6] = [("SpaceNet, compiled", 1024, "float32"), ("SpaceNet, compiled", 1024, "bfloat16")]
    cases += [(f"{name}, plain", batches[0], "float32") for name in names if name in PLAIN]
    for name, nets, precision in cases:
        if known(metanet=name, nets=nets, precision=precision):
            continue
        kind, _, way = name.partition(", ")
        step = (
            plain_step(kind, space, nets, device)
            if way == "plain"
            else training_step(kind, space, nets, device, way == "compiled")
        )
        measure(name, step, nets, precision, seconds, device)


if __name__ == "__main__":
    main()
