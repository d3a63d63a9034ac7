"""How fast stacks of nets are trained on this machine's card: nets x steps a second, and what holds them up.

    python scripts/gpu/building.py            # SIRENs on 28x28, small CNNs on 28x28; --small: tiny stacks

For each case: the rate, the share of the time that the device computes (the rest is Python and launches), the kernels
of a step, and the least time that an H100 and an H200 need for a step's arithmetic and memory, beside the time it took.
"""

import argparse
import time
from collections.abc import Callable

import torch
from rows import add_profile, add_row

from weightspace.data import Signals, grid_coordinates
from weightspace.machine.work import CARDS, busy_share, count_work, kernel_table
from weightspace.nets import build_net
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.device import training_device
from weightspace.zoo.train.optimizer import StackedOptimizer
from weightspace.zoo.train.siren_gradient import SirenGradient

Step = Callable[[], None]


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


def cnn_step(nets: int, batch: int, device: str) -> Step:
    """A step of training CNNs of 4,970 parameters on 28x28 images."""
    net = build_net("cnn", image_size=28, stride=2, padding="valid").to(device)
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
    """One row: the rate over some seconds after a few steps that warm up."""
    for _ in range(3):
        step()
    work = count_work(step)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            step()
        steps += 10
        wait()
    passed = (time.perf_counter() - began) / steps
    with busy_share(device) as share:
        for _ in range(10):
            step()
    floors = {f"floor_{card}_ms": 1e3 * work.floor(CARDS[card]) for card in CARDS}
    add_row(case=name, nets=nets, steps_a_second=nets / passed, ms=1e3 * passed, busy=share["busy"],
            kernels=work.kernels, **floors)  # fmt: skip
    add_profile(f"building-{name.split()[0].lower()}", kernel_table(step, device))


def whole_fits(nets: int, steps: int, device: str) -> None:
    """The builder itself, draws and saving included: seconds for so many fits, and of them in Python a net."""
    from weightspace.zoo.build.shards import FIT_NETS
    from weightspace.zoo.recipe.fit import Fit
    from weightspace.zoo.recipe.save import Save
    from weightspace.zoo.train.fit import StackFitter

    trials = made_trials(nets, steps)
    zeros = torch.zeros(nets, dtype=torch.long)
    signals = Signals("noise", (28, 28), "corners", torch.rand(nets, 1, 784), zeros, zeros)
    began = time.perf_counter()
    done = sum(1 for _ in StackFitter(trials, FIT_NETS[device], signals, Fit(), Save(), device).run())
    passed = time.perf_counter() - began
    add_row(case="builder, SIREN 28x28", nets=done, steps=steps, seconds=passed, for_70000=70_000 * passed / done)


def made_trials(nets: int, steps: int) -> list:
    """Trials of SIRENs, a signal each."""
    from weightspace.zoo import Recipe
    from weightspace.zoo.recipe.trial import draw_trial

    text = f"""name = "siren"\nnets = {nets}\n[data]\nname = "digits"\n[net]\nname = "siren"
[train]\noptimizer = "adam"\nlr = 5e-4\nsteps = {steps}\n"""
    recipe = Recipe.from_toml(text)
    return [draw_trial(recipe, net) for net in range(nets)]


def main() -> None:
    """All cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny stacks, half a second each")
    small, device = parser.parse_args().small, training_device()
    seconds = 0.5 if small else 5.0
    for nets in (4,) if small else (256, 1024, 4096):
        measure("SIREN 28x28", siren_step(nets, 8 if small else 28, device), nets, seconds, device)
    for nets in (2,) if small else (64, 256, 1024):
        measure("CNN 28x28", cnn_step(nets, 8 if small else 128, device), nets, seconds, device)
    whole_fits(8 if small else 8192, 20 if small else 300, device)


if __name__ == "__main__":
    main()
