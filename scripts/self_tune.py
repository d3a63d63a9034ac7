"""Three dropouts of a perceptron or a CNN, tuned while it trains once, against random search.

    python scripts/self_tune.py                   # digits of scikit-learn, 300 of them to train on; five seeds
    python scripts/self_tune.py --net cnn         # a convolutional net in place of the perceptron
    python scripts/self_tune.py --spread 0        # hyper-inputs from all of their ranges

Prints the lowest validation loss of both, the test loss there, and the processor's seconds; random search is timed one
run after the other, and with all 50 runs stacked, which is how a zoo trains them.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.cli import one_line_errors
from weightspace.data import load_dataset
from weightspace.generators import hypernetize
from weightspace.tasks.tuning import TuningConfig, rates_of, self_tune, tunable_dropouts

BATCH, HIGHEST, INPUTS, WIDTH = 64, 0.85, 4, 32


def perceptron(seed: int) -> nn.Module:
    """Dropouts on the inputs and on both hidden layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Dropout(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 64), nn.ReLU(),
                         nn.Dropout(), nn.Linear(64, 10))  # fmt: skip


def convolutional(seed: int) -> nn.Module:
    """Two convolutions and a hidden layer; dropout before the second, before the hidden layer and after it."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 12, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(),
        nn.Conv2d(12, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(),
        nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10),
    )  # fmt: skip


NETS = {"mlp": perceptron, "cnn": convolutional}


def digits(train: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Few digits to train on, 400 to validate, the rest to test."""
    data = load_dataset("digits")
    x = torch.cat([data.x_train, data.x_val, data.x_test]).flatten(1)
    y = torch.cat([data.y_train, data.y_val, data.y_test])
    cuts = {"train": slice(0, train), "val": slice(train, train + 400), "test": slice(train + 400, None)}
    return {part: (x[cut], y[cut]) for part, cut in cuts.items()}


def losses_of(out: Tensor, y: Tensor) -> Tensor:
    """Mean cross entropy of each net, ``[n, batch, classes]``."""
    labels = y.expand(len(out), -1).flatten()
    return functional.cross_entropy(out.flatten(0, 1), labels, reduction="none").view(len(out), -1).mean(1)


def tuned(kind: str, data: dict[str, Any], seed: int, steps: int, spread: float) -> dict[str, float]:
    """One training that tunes itself."""
    module, names = tunable_dropouts(NETS[kind](seed))
    net = hypernetize(module, dict.fromkeys(names, (0, HIGHEST)), width=WIDTH)
    order, (x, y) = torch.Generator().manual_seed(seed), data["train"]

    def train(weights: Any, inputs: Any) -> Tensor:
        rows = torch.randint(len(x), (BATCH,), generator=order)
        net.module.train()
        return losses_of(net.run({**weights, **rates_of(names, inputs)}, x[rows]), y[rows])

    def judge(part: str) -> Any:
        def judged(weights: Any, inputs: Any) -> Tensor:
            net.module.eval()
            return losses_of(net.run({**weights, **rates_of(names, inputs)}, data[part][0]), data[part][1])

        return judged

    began = time.process_time()
    found = self_tune(net, train, judge("val"), TuningConfig(steps=steps, inputs=INPUTS, spread=spread, seed=seed))
    seconds = time.process_time() - began
    here = {name: torch.tensor([value]) for name, value in found.inputs.items()}
    with torch.no_grad():
        val, test = (float(judge(part)(net.weights(**here), here)) for part in ("val", "test"))
    return {"val": val, "test": test, "seconds": seconds, **{f"dropout {n}": v for n, v in found.inputs.items()}}


def searched(kind: str, data: dict[str, Any], seed: int, steps: int, runs: int) -> dict[str, float]:
    """Random search with all runs stacked, each from the same start on batches of its own."""
    module, names = tunable_dropouts(NETS[kind](seed))
    generator, (x, y) = torch.Generator().manual_seed(seed), data["train"]
    rates = {f"{name}.rate": HIGHEST * torch.rand(runs, generator=generator) for name in names}
    weights = {n: p.detach().repeat(runs, *[1] * p.ndim).requires_grad_() for n, p in module.named_parameters()}
    optimizer = torch.optim.Adam(weights.values(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def out(x: Tensor, shared: bool) -> Tensor:
        def one(weights: dict[str, Tensor], x: Tensor) -> Tensor:
            return torch.func.functional_call(module, weights, (x,))

        return torch.func.vmap(one, (0, None if shared else 0), randomness="different")({**weights, **rates}, x)

    began = time.process_time()
    for _ in range(steps):
        rows = torch.randint(len(x), (runs, BATCH), generator=generator)
        loss = functional.cross_entropy(out(x[rows], shared=False).flatten(0, 1), y[rows].flatten()) * runs
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    seconds = time.process_time() - began
    module.eval()
    with torch.no_grad():
        val, test = (losses_of(out(data[part][0], shared=True), data[part][1]) for part in ("val", "test"))
    best = int(val.argmin())
    return {"val": float(val[best]), "test": float(test[best]), "seconds": seconds,
            **{f"dropout {name}": float(rates[f"{name}.rate"][best]) for name in names}}  # fmt: skip


def seconds_alone(kind: str, data: dict[str, Any], steps: int) -> float:
    """Seconds of one plain training."""
    net, (x, y) = NETS[kind](0), data["train"]
    optimizer, generator = torch.optim.Adam(net.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    began = time.process_time()
    for _ in range(steps):
        rows = torch.randint(len(x), (BATCH,), generator=generator)
        optimizer.zero_grad()
        functional.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    return time.process_time() - began


def main() -> None:
    """Both ways on every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=list(NETS), default="mlp", help="what is tuned")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--steps", type=int, default=600, help="of every training of the random search")
    parser.add_argument("--tuning-steps", type=int, default=450, help="of the training that tunes itself")
    parser.add_argument("--runs", type=int, default=50, help="of random search")
    parser.add_argument("--train", type=int, default=300, help="digits to train on")
    parser.add_argument("--spread", type=float, default=0.7, help="of hyper-inputs; 0 for all of their ranges")
    parser.add_argument("--out", default="runs/self_tune.jsonl", help="gets a line of JSON a seed and way")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data, lines = digits(arguments.train), []
    alone = seconds_alone(arguments.net, data, arguments.steps) * arguments.runs
    for seed in range(arguments.seeds):
        found = tuned(arguments.net, data, seed, arguments.tuning_steps, arguments.spread)
        lines.append({"way": "self-tuning", "net": arguments.net, **found})
        found = searched(arguments.net, data, seed, arguments.steps, arguments.runs)
        lines.append({"way": "random search", "net": arguments.net, **found})
        lines[-1]["seconds one by one"] = alone
        for line in lines[-2:]:
            print(seed, {key: round(value, 4) if isinstance(value, float) else value for key, value in line.items()})
    for way in ("self-tuning", "random search"):
        own = [line for line in lines if line["way"] == way]
        cells = [f"{key} {statistics.mean(line[key] for line in own):.4f}" for key in ("val", "test", "seconds")]
        print(f"{way}: {', '.join(cells)}")
    print(f"random search, one run after the other: {alone:.1f} s")
    Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.out).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
