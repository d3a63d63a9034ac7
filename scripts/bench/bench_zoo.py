"""How fast zoos are built and read: ours, the plain loop, the best plain way and the floor, in one run.

    python scripts/bench/bench_zoo.py                  # all cases, about four minutes on two cores
    python scripts/bench/bench_zoo.py --cases siren    # one of: siren, digits-cnn, small-cnn, reading

Rates are nets x steps a second on the whole machine. "plain loop" trains one net after another with all threads and
``torch.optim.Adam``; "net a core" trains one net a process with one thread and fused Adam; "floor" runs the sines and
matrix products (or convolutions) of a training step alone, by torch, stacked, one process a core; compiled code that
keeps a net in the fastest cache can be below it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional

from weightspace.data import Dataset, Signals
from weightspace.machine.memory import keep_memory
from weightspace.nets import Architecture, build_net
from weightspace.zoo.imports.foreign import ImportedState, assemble_zoo
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.fit import StackFitter
from weightspace.zoo.train.train import StackTrainer

CASES = {
    "siren": {"net": "siren", "settings": {}, "side": 28, "stack": 16},
    "digits-cnn": {
        "net": "cnn",
        "settings": {"channels": [4, 4, 4], "stride": [2, 2, 1]},
        "side": 8,
        "batch": 32,
        "stack": 64,
    },
    "small-cnn": {
        "net": "cnn",
        "settings": {"image_size": 28, "stride": 2, "padding": "valid"},
        "side": 28,
        "batch": 128,
        "stack": 8,
    },
}
GOALS = {"siren": (8.0, 2.5, 3.0), "digits-cnn": (8.0, None, None), "small-cnn": (2.0, None, 2.5)}


def trials(case: dict, count: int, steps: int) -> list[Trial]:
    train = Hyperparameters(optimizer="adam", lr=5e-4, steps=steps, batch_size=case.get("batch", 32))
    architecture = Architecture(case["net"], case["settings"])
    return [Trial(i, i, 0, i, i, "train", architecture, {}, train) for i in range(count)]


def images(side: int) -> Dataset:
    x, y = torch.rand(2048, 1, side, side), torch.randint(10, (2048,))
    return Dataset("noise", 10, x, y, x[:64], y[:64], x[:64], y[:64])


def ours(case: dict, steps: int) -> int:
    chosen = trials(case, case["stack"], steps)
    if case["net"] == "siren":
        side = case["side"]
        values, zeros = torch.rand(len(chosen), 1, side**2), torch.zeros(len(chosen), dtype=torch.long)
        signals = Signals("noise", (side, side), "corners", values, zeros, zeros)
        list(StackFitter(chosen, case["stack"], signals, Fit(), Save()).run())
    else:
        list(StackTrainer(chosen, images(case["side"]), Save(evaluate=64)).run())
    return len(chosen) * steps


def one_net(case: dict, steps: int, **adam: bool) -> int:
    net = build_net(case["net"], **case["settings"])
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4, **adam)
    if case["net"] == "siren":
        axis = torch.linspace(-1, 1, case["side"])
        points = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        target = torch.rand(len(points), 1)
        losses = (functional.mse_loss(net(points), target) for _ in range(steps))
    else:
        data = images(case["side"])
        batches = (torch.randint(2048, (case["batch"],)) for _ in range(steps))
        losses = (functional.cross_entropy(net(data.x_train[rows]), data.y_train[rows]) for rows in batches)
    for loss in losses:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps


def floor(case: dict, steps: int) -> int:
    stack = case["stack"]
    work = siren_floor(case) if case["net"] == "siren" else cnn_floor(case)
    for _ in range(steps):
        work()
    return stack * steps


def siren_floor(case: dict) -> Callable[[], None]:
    stack, points = case["stack"], case["side"] ** 2
    z, h, weight = torch.randn(2, stack, 32, points), torch.randn(stack, 32, points), torch.randn(stack, 32, 32)
    out, small = torch.empty_like(h), torch.empty_like(weight)

    def work() -> None:
        for layer in range(2):
            torch.sin(z[layer], out=out)
            torch.cos(z[layer], out=out)
        torch.bmm(weight, h, out=out)
        torch.bmm(weight.transpose(1, 2), h, out=out)
        torch.bmm(h, h.transpose(1, 2), out=small)

    return work


def cnn_floor(case: dict) -> Callable[[], None]:
    """Grouped convolutions of a step, forwards and backwards, on tensors that lie as the kernels like them."""
    net, stack, batch = build_net(case["net"], **case["settings"]), case["stack"], case["batch"]
    calls = []
    for layer, conv in enumerate(net.convs):
        side = net.config.sizes[layer]
        x = torch.randn(batch, stack * conv.in_channels, side, side).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(stack * conv.out_channels, conv.in_channels, *conv.kernel_size)
        settings = (conv.stride, conv.padding, conv.dilation)
        y = functional.conv2d(x, weight, None, *settings, stack)
        calls.append((x, weight, y.contiguous(memory_format=torch.channels_last), settings, layer > 0))

    def work() -> None:
        for x, weight, y, (stride, padding, dilation), wants_x in calls:
            functional.conv2d(x, weight, None, stride, padding, dilation, stack)
            torch.ops.aten.convolution_backward(
                y, x, weight, None, stride, padding, dilation, False, [0, 0], stack, [wants_x, True, False]
            )

    return work


WAYS: dict[str, Callable[..., int]] = {
    "ours": ours,
    "net a core": lambda case, steps: one_net(case, steps, fused=True),
    "plain loop": one_net,
    "floor": floor,
}


def child(case: str, way: str, seconds: float) -> None:
    """Runs one way for a while and prints nets x steps a second."""
    if way != "plain loop":
        torch.set_num_threads(1)
    keep_memory()
    WAYS[way](CASES[case], 10)
    done, steps, started = 0, 20, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += WAYS[way](CASES[case], steps)
        steps = min(200, steps * 2)
    print(done / (time.perf_counter() - started))


def rate(case: str, way: str, seconds: float) -> float:
    """Nets x steps a second on the whole machine."""
    processes = 1 if way == "plain loop" else len(os.sched_getaffinity(0))
    command = [sys.executable, __file__, "--child", case, way, str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(float(process.communicate()[0]) for process in running)


def bench_training(case: str, seconds: float) -> None:
    rates = {way: rate(case, way, seconds) for way in WAYS}
    print(f"\n{case}: nets x steps a second, microseconds a net and step")
    for way, value in rates.items():
        print(f"  {way:12s}{value:10.0f}{1e6 / value:10.0f}")
    figures = (rates["ours"] / rates["plain loop"], rates["ours"] / rates["net a core"], rates["floor"] / rates["ours"])
    words = ("x the plain loop", "x one net a core", "x the time of the floor")
    for figure, word, goal in zip(figures, words, GOALS[case], strict=True):
        print(f"  ours: {figure:.2f} {word}" + (f" (goal {goal})" if goal else ""))


def bench_reading(count: int) -> None:
    """Reads INRs from a zoo and from a ``.pth`` each, all files in the page cache."""
    net = build_net("siren")
    with tempfile.TemporaryDirectory() as folder:
        states = [{name: torch.rand_like(p) for name, p in net.named_parameters()} for _ in range(count)]
        for i, state in enumerate(states):
            torch.save(state, Path(folder) / f"{i}.pth")
        rows = ({"net": i, "run": i, "step": 0} for i in range(count))
        built = Architecture.of(net)
        foreign = (ImportedState(built, state, row) for state, row in zip(states, rows, strict=True))
        zoo = assemble_zoo(Path(folder) / "zoo", "inrs", foreign)
        started = time.perf_counter()
        stacked = zoo.weights()
        middle = time.perf_counter()
        loaded = [torch.load(Path(folder) / f"{i}.pth", weights_only=True) for i in range(count)]
        ended = time.perf_counter()
    assert torch.equal(loaded[-1]["linears.0.weight"], stacked["linears.0.weight"][-1])
    print(f"\nreading {count} INRs: zoo {middle - started:.3f} s, a .pth each {ended - middle:.3f} s")
    print(f"  ours: {(ended - middle) / (middle - started):.0f} x a .pth each (goal 100)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=[*CASES, "reading"], choices=[*CASES, "reading"])
    parser.add_argument("--seconds", type=float, default=15.0, help="for each way of each case")
    parser.add_argument("--inrs", type=int, default=20_000, help="read in the reading case")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], arguments.child[1], float(arguments.child[2]))
        return
    for case in arguments.cases:
        if case == "reading":
            bench_reading(arguments.inrs)
        else:
            bench_training(case, arguments.seconds)


if __name__ == "__main__":
    main()
