"""Compares starts of the nets of a recipe: rules, parts of trained nets, generators, each at its best rate.

    python scripts/compare_starts.py --recipe digits-cnn --out runs/starts --generators digits-initializer
    python scripts/compare_starts.py --recipe vit-tiny --out runs/starts-vit --starts He Xavier mimetic

Nets are trained stacked; the optimizer and rate of each start are the ones of one grid that are best on validation
examples, at every number of epochs. Writes ``results.jsonl``, a line a start, and a table on standard output.
"""

import json
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro

from weightspace import Recipe, load_metanet
from weightspace.cli import one_line_errors
from weightspace.data import Dataset, load_dataset
from weightspace.nets import Architecture
from weightspace.tasks.generation.starting.headstart import Weights, accuracies, steps_to_level, train_from
from weightspace.tasks.generation.starting.inits import INITS
from weightspace.tasks.generation.starting.mimetic import mimetic
from weightspace.zoo.folder.spaces import trace_architecture
from weightspace.zoo.recipe.trial import draw_trial

SHOWN = (0, 1, 5, 25)


@dataclass(frozen=True)
class Config:
    """What is compared."""

    recipe: str
    """Whose first net's architecture and data are taken."""
    out: str
    """Gets the results."""
    starts: tuple[str, ...] = tuple(INITS)
    """Starts without a generator; `mimetic` for nets with attention."""
    generators: tuple[str, ...] = ()
    """Folders that save_pretrained made, or names of generators that ship."""
    learning_seconds: float = 0.0
    """CPU seconds that learning the generators took, for the number of nets from which on they pay."""
    nets: int = 16
    """Of every start."""
    epochs: int = 25
    """Of training."""
    seed: int = 0
    """Of starts and batches."""


def make(config: Config, name: str, architecture: Architecture, data: Dataset) -> Weights:
    """The nets of one start."""
    if name in config.generators:
        generator = load_metanet(name)
        net = architecture.build() if generator.takes_net else None
        return generator.sample(trace_architecture(architecture), config.nets, condition=net, seed=config.seed)
    init = mimetic if name == "mimetic" else INITS[name]
    return init(architecture, config.nets, data, config.seed)


def measure(config: Config, name: str, architecture: Architecture, data: Dataset) -> dict:
    """One line of the results."""
    began = time.process_time()
    weights = make(config, name, architecture, data)
    made = (time.process_time() - began) / config.nets
    first, began = accuracies(architecture, weights, data)[1], time.process_time()
    trained = train_from(architecture, weights, data, config.epochs, "cosine", config.seed)
    curve = trained.test.tolist()
    return {
        "recipe": config.recipe, "start": name, "nets": config.nets, "seed": config.seed, "curve": curve,
        "best": [float(first.max()), float(trained.last.max())],
        "spread": [float(first.std()), float(trained.last.std())], "picked": asdict(trained.picked),
        "seconds_a_net": made,
        "seconds_an_epoch": (time.process_time() - began) / (9 * config.nets * config.epochs),
        "command": " ".join(sys.argv), "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
    }  # fmt: skip


def breaks_even(config: Config, line: dict, he: dict) -> float:
    """From how many nets on learning a generator pays: He's init is trained to where the generator's nets begin.

    Where that isn't reached, to the end, which says too little for the generator.
    """
    epochs = min(steps_to_level(he["curve"], line["curve"][0]), float(config.epochs))
    saved = epochs * he["seconds_an_epoch"] - line["seconds_a_net"]
    return config.learning_seconds / saved if saved > 0 else float("inf")


def main(config: Config) -> None:
    torch.set_num_threads(1)
    recipe, out = Recipe.load(config.recipe), Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    data, architecture = load_dataset(**recipe.data), draw_trial(recipe, 0).architecture
    shown = [epoch for epoch in SHOWN if epoch <= config.epochs]
    sys.stdout.write(f"{'start':36} accuracy in % after {shown} epochs, spread, epochs to 90 % of He's end, s a net\n")
    he: dict = {}
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for name in (*config.starts, *config.generators):
            line = measure(config, name, architecture, data)
            he = line if name == "He" else he
            if he:
                line["epochs_to_90"] = steps_to_level(line["curve"], 0.9 * he["curve"][-1])
            if he and name in config.generators:
                line["nets_to_break_even"] = breaks_even(config, line, he)
            file.write(json.dumps(line) + "\n")
            file.flush()
            values = " ".join(f"{100 * line['curve'][epoch]:6.1f}" for epoch in shown)
            said = f"{name:36} {values} {100 * line['spread'][1]:6.2f} {line.get('epochs_to_90', float('nan')):6.2f}"
            sys.stdout.write(f"{said} {line['seconds_a_net']:8.3f} {line.get('nets_to_break_even', '')}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
