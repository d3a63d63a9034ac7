"""How fast generators learn and write at the sizes that only a card allows.

    python scripts/gpu/generators.py            # a flow of width 128 on SIRENs, a refiner of width 128 on small CNNs
    python scripts/gpu/generators.py --small    # tiny, on any machine

For each: a training step (milliseconds, kernels, busy share, the least time of an H100 and an H200), and nets written
a second. Both learn from numbers drawn on the CPU, which are a part of the time.
"""

import argparse
import time

import torch
from measuring import Step, measured, wait
from rows import add_profile, add_row, known

from weightspace.data import load_dataset
from weightspace.generators import Flow, Generator, Refiner
from weightspace.machine.work import kernel_table
from weightspace.nets import Architecture, build_net
from weightspace.space import WeightSpace
from weightspace.tasks.generation.flows import FlowNets, FlowTraining, flow_error
from weightspace.tasks.generation.refining import RefinerTraining, written_loss
from weightspace.zoo.folder.spaces import trace_architecture
from weightspace.zoo.train.device import training_device

Case = tuple[Generator, WeightSpace, Step]


def flow_case(width: int, batch: int, device: str) -> Case:
    """A flow on SIRENs 2-32-32-1, whose weights stand for a zoo's."""
    space = WeightSpace.trace(build_net("siren"), torch.zeros(2, 2))
    source = torch.Generator().manual_seed(0)
    nets = {name: torch.randn(batch, *spec.shape, generator=source).to(device) for name, spec in space.tensors.items()}
    quality = torch.linspace(0, 1, batch).to(device)
    flow = Flow.for_nets(space, nets, {"quality": quality}, width=width, layers=4)
    rows, settings = FlowNets(nets, {"quality": quality}).rows(flow), FlowTraining()
    optimizer = torch.optim.AdamW(flow.metanet.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        flow_error(flow, rows, source, settings, None).backward()
        optimizer.step()

    return flow, space, step


def refiner_case(width: int, nets: int, batch: int, device: str) -> Case:
    """A refiner on small CNNs, through the loss of the nets that it writes on digits."""
    architecture = Architecture(
        "cnn", {"image_size": 8, "channels": [16, 32, 32], "stride": [1, 2, 1], "norm": "batch"}
    )
    space, data = trace_architecture(architecture), load_dataset("digits")
    refiner = Refiner.for_spaces(space, width=width, layers=3).to(device).train()
    settings, source = RefinerTraining(nets=nets, batch=batch), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(refiner.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        written_loss(refiner, architecture, data, settings, source).mean().backward()
        optimizer.step()

    return refiner, space, step


def measure(name: str, case: Case, written: int, seconds: float, device: str) -> None:
    """A row of the training step, then one of writing."""
    generator, space, step = case
    if not known(generator=name, what="training step"):
        add_row(generator=name, what="training step", **measured(step, seconds, device, together=1))
        add_profile(f"generators-{name.lower()}", kernel_table(step, device))
    if known(generator=name, what="writing"):
        return
    generator.eval().sample(space, 2, seed=0)
    wait(device)
    began = time.perf_counter()
    generator.sample(space, written, seed=1)
    wait(device)
    passed = time.perf_counter() - began
    add_row(generator=name, what="writing", nets=written, seconds=passed, nets_a_second=written / passed)


def main() -> None:
    """Both generators."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny generators")
    small, device = parser.parse_args().small, training_device()
    torch.manual_seed(0)
    refiner = refiner_case(8, 2, 8, device) if small else refiner_case(128, 32, 256, device)
    measure("Refiner", refiner, *((2, 0.2) if small else (256, 3.0)), device)
    flow = flow_case(8, 4, device) if small else flow_case(128, 256, device)
    measure("Flow", flow, *((4, 0.2) if small else (1024, 3.0)), device)


if __name__ == "__main__":
    main()
