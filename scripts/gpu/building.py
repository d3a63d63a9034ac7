"""How fast stacks of nets are trained on this machine's card: nets x steps a second, and what holds them up.

    python scripts/gpu/building.py            # SIRENs on 28x28, small CNNs on 28x28; --small: tiny stacks

For each case: the rate, the share of the time that the device computes (the rest is Python and launches), the kernels
of a step, and the least time that an H100 and an H200 need for a step's arithmetic and memory, beside the time it took.
Then the builder itself, draws, events and saved states included.
"""

import argparse

import torch
from measuring import Step, measured
from rows import add_profile, add_row, known
from wholes import whole_fits, whole_trainings

from weightspace.data import grid_coordinates
from weightspace.machine.work import kernel_table
from weightspace.nets import build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.device import training_device
from weightspace.zoo.train.optimizer import StackedOptimizer
from weightspace.zoo.train.siren_gradient import SirenGradient

SMALL = {"stride": 2, "padding": "valid"}
"""Of the CNNs of 4,970 parameters on 28x28."""
CNN_S = {
    "channels": [8, 6, 4], "kernel": [5, 5, 2], "stride": 1, "pool": [2, 2, 1], "padding": "valid", "head": "flatten",
    "hidden": [20], "activation": "tanh",
}  # fmt: skip
"""The published small CNNs of 2,464 parameters, recipe ``cnn-s-mnist``."""


def siren_step(nets: int, side: int, device: str) -> Step:
    """A step of fitting SIRENs 2-32-32-1, as the builder takes it on a GPU."""
    points = grid_coordinates((side, side)).to(device)
    gradient = SirenGradient(build_net("siren").to(device), points)
    flat = torch.randn(nets, gradient.layout.numel, device=device) / 10
    targets, trains = torch.rand(nets, 1, len(points), device=device), [Hyperparameters(lr=5e-4, steps=300)] * nets
    optimizer = StackedOptimizer.start(trains, torch.ones(gradient.layout.numel, device=device), flat)
    rates, counts = torch.full((nets, 1), 5e-4, device=device), torch.ones(nets, 1, device=device)

    def step() -> None:
        grad, _ = gradient(flat, targets)
        optimizer.step(flat, grad, rates, counts)

    return step


def cnn_step(nets: int, batch: int, device: str, settings: dict) -> Step:
    """A step of training CNNs on 28x28 images."""
    net = build_net("cnn", image_size=28, **settings).to(device)
    layout = FlatLayout.of(net)
    flat = torch.randn(nets, layout.numel, device=device) / 10
    x = torch.rand(2048, 1, 28, 28, device=device)
    labels = torch.randint(10, (2048,), device=device)
    trains = [Hyperparameters(lr=1e-3, steps=300)] * nets
    optimizer = StackedOptimizer.start(trains, torch.ones(layout.numel, device=device), flat)
    rates = torch.full((nets, 1), 1e-3, device=device)

    def step() -> None:
        rows = torch.randint(2048, (nets, batch), device=device)
        leaf = flat.detach().requires_grad_()
        logits = run_stack(net, layout.views(leaf), x[rows], None)
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[rows], reduction="none").mean(1)
        (grad,) = torch.autograd.grad(losses.sum(), leaf)
        optimizer.step(flat, grad, rates, 1)

    return step


def measure(name: str, step: Step, nets: int, seconds: float, device: str) -> None:
    """One row, and the kernels of a step."""
    row = measured(step, seconds, device)
    add_row(case=name, nets=nets, steps_a_second=1e3 * nets / row["ms"], **row)
    add_profile(f"building-{name.split()[0].lower()}", kernel_table(step, device))


def main() -> None:
    """All cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny stacks, half a second each")
    small, device = parser.parse_args().small, training_device()
    seconds, batch = (0.3, 8) if small else (3.0, 128)
    cases = [("SIREN 28x28", nets, lambda n: siren_step(n, 8 if small else 28, device)) for nets in (256, 1024, 4096)]
    cases += [("CNN 28x28", nets, lambda n: cnn_step(n, batch, device, SMALL)) for nets in (64, 256, 1024)]
    cases += [("CNN-S 28x28", 1024, lambda n: cnn_step(n, batch, device, CNN_S))]
    for name, nets, make in {case[0]: case for case in reversed(cases)}.values() if small else cases:
        nets = 4 if small else nets
        if not known(case=name, nets=nets):
            measure(name, make(nets), nets, seconds, device)
    if not known(case="builder, SIREN 28x28"):
        whole_fits(*((8, 20) if small else (8192, 300)), device)
    if not known(case="builder, CNN 28x28"):
        whole_trainings(*((2, 4) if small else (1000, 128)), device)


if __name__ == "__main__":
    main()
