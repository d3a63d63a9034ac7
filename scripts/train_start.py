"""Learns a start for implicit representations, and measures how fast nets are fitted from it and from others.

    python scripts/train_start.py --recipe digits-inr --out runs/start-digits
    python scripts/train_start.py --recipe mnist-inr --data-root data --out runs/start-mnist --train.minutes 15

Starts and rates are learned on the training signals (Meta-SGD, and Reptile beside it), the rate of Adam after each
start is picked on validation signals for each number of steps by itself, and the table is on test signals. Writes
``start`` (which `weightspace.generators.load_generator` loads), ``results.jsonl`` and ``steps.png``.
"""

import json
import platform
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import matplotlib
import torch
import tyro
from torch import Tensor

from weightspace.cli import one_line_errors
from weightspace.data import Signals, load_signals, using_data_root
from weightspace.generators.start import LearnedStart
from weightspace.inr import Convention
from weightspace.nets import Architecture
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.space import WeightSpace
from weightspace.tasks.generation.starting.patches import PatchTransformer, train_transformer
from weightspace.tasks.generation.starting.start_picture import draw_starts
from weightspace.tasks.generation.starting.starts import StartConfig, psnr_curves, steps_to, train_start
from weightspace.zoo import Recipe
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.gradient import fit_gradient
from weightspace.zoo.train.initial import draw_weights
from weightspace.zoo.train.reptile import learn_start

RATES = (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SHOWN = (0, 1, 3, 10, 30, 100, 300)


@dataclass(frozen=True)
class Config:
    """What is learned on what."""

    recipe: str
    """A recipe of the gallery whose nets are SIRENs."""
    out: str
    """Gets the start, the table and the picture."""
    data_root: str = ""
    """Folder with image collections, instead of the Hub."""
    first_rate: float = 1e-2
    """What every weight's rate is at first."""
    horizon: int = 600
    """Steps of Adam from every start."""
    nets: tuple[int, int] = (64, 128)
    """Validation signals that pick rates, and test signals."""
    reptile_steps: int = 1000
    """Outer steps of Reptile; 16 signals and 16 steps of Adam in each."""
    transformers: tuple[int, ...] = (8, 64)
    """Widths of transformers from patches of an image to weights, the rivals that write in one pass."""
    transformer_rate: float = 1e-3
    """Of Adam, with which they are learned."""
    train: StartConfig = field(default_factory=lambda: StartConfig(learning_rate=3e-3))


class Bench:
    """The nets, signals and starts of one run."""

    def __init__(self, config: Config):
        recipe = Recipe.load(config.recipe)
        self.config, self.recipe = config, recipe
        self.signals: Signals = load_signals(grid=recipe.fit.grid, **recipe.data)
        self.trial = draw_trial(recipe, 0)
        self.net = self.trial.architecture.build().eval()
        self.layout, s = FlatLayout.of(self.net), self.signals
        self.space = WeightSpace.trace(self.net, *self.net.example_inputs())
        self.convention = Convention(Architecture.of(self.net), s.shape, s.grid, s.peak, low=s.low)
        self.parts = {
            part: s.values[s.parts == k][:count] for k, (part, count) in enumerate(zip(("val", "test"), config.nets), 1)
        }

    def fresh(self, count: int, factor: float, seed: int) -> Tensor:
        """Draws of the recipe's own init, ``[count, entries]``; all layers but the last times ``factor``."""
        trials = [replace(self.trial, init_seed=1000 * (seed + 1) + net) for net in range(count)]
        rows = torch.stack([draw_weights(self.net, self.layout, trial) for trial in trials])
        last = f"linears.{len(self.net.config.hidden)}."
        inner = self.layout.mask(tuple(name for name in self.layout.names if not name.startswith(last)))
        return rows * (1 + (factor - 1) * inner)

    def learned(self, config: StartConfig) -> tuple[LearnedStart, float]:
        """Meta-SGD, and the CPU seconds that it took."""
        first = self.layout.views(self.fresh(1, 1.0, config.seed))
        start = LearnedStart.for_convention(self.space, self.convention)
        start.begin({name: tensor[0] for name, tensor in first.items()}, self.config.first_rate)
        began = time.process_time()
        train_start(start, self.signals, config, lambda step, value: log(f"step {step}: {value:.2f} dB"))
        return start, time.process_time() - began

    def rows_of(self, start: LearnedStart, rows: Tensor) -> Tensor:
        """Rows of a start in the order of the net's parameters."""
        return self.layout.rows(start.vectors.weights(rows.detach()))

    def reptile(self) -> tuple[Tensor, float]:
        """The start that Reptile learns, and its CPU seconds."""
        began = time.process_time()
        fit = replace(self.recipe.fit, meta_steps=self.config.reptile_steps)
        gradient = fit_gradient(self.net, self.signals.coordinates)
        return learn_start(self.trial, gradient, self.signals, fit), time.process_time() - began

    def transformer(self, width: int) -> tuple[dict[str, Tensor], int, float]:
        """What one writes for validation and test signals, its parameters, and the CPU seconds that learning took."""
        torch.manual_seed(self.config.train.seed)
        first = self.layout.views(self.fresh(1, 1.0, self.config.train.seed))
        start = LearnedStart.for_convention(self.space, self.convention)
        start.begin({name: tensor[0] for name, tensor in first.items()}, 0.0)
        net, began = PatchTransformer(start, width), time.process_time()
        train = replace(self.config.train, learning_rate=self.config.transformer_rate)
        train_transformer(net, self.signals, train, lambda step, value: log(f"step {step}: {value:.2f} dB"))
        with torch.no_grad():
            rows = {part: self.rows_of(start, net(targets)) for part, targets in self.parts.items()}
        held = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in start.parameters())
        return rows, held, time.process_time() - began

    def curves(self, rows: Tensor, part: str, rate: float) -> Tensor:
        """PSNR of Adam's fits, ``[nets, steps + 1]``."""
        points = self.signals.coordinates
        return psnr_curves(self.net, rows, self.parts[part], points, rate, self.config.horizon, self.signals.peak)[0]


def measure(bench: Bench, starts: dict[str, Tensor], before: Tensor | None = None) -> dict[str, list[float]]:
    """The mean curve on test signals: at each number of steps with the rate that validation picks for it.

    Args:
        before: PSNR of test signals at steps that were done before Adam, ``[steps]``.
    """
    val = torch.stack([bench.curves(starts["val"], "val", rate).mean(0) for rate in RATES])
    picked = val.argmax(0)
    test = {k: bench.curves(starts["test"], "test", RATES[k]).mean(0) for k in picked.unique().tolist()}
    own = torch.stack([test[int(k)][step] for step, k in enumerate(picked)])
    curve = own if before is None else torch.cat([before, own])
    return {"curve": curve.tolist(), "rates": [RATES[int(k)] for k in picked]}


def own_steps(bench: Bench, start: LearnedStart) -> tuple[dict[str, Tensor], Tensor]:
    """Nets after the start's own steps, and the PSNR of test signals before each of them."""
    ends, gradient = {}, fit_gradient(bench.net, bench.signals.coordinates)
    rates = bench.rows_of(start, start.rates[None])
    for part, targets in bench.parts.items():
        rows, errors = bench.rows_of(start, start.start.repeat(len(targets), 1)), []
        for _ in range(start.config.steps):
            grad, error = gradient(rows, targets)
            errors.append(error.clone())
            rows = rows - rates * grad
        ends[part] = rows
    before = 10 * (bench.signals.peak**2 / torch.stack(errors)).log10()
    return ends, before.mean(1)


def seconds_a_step(bench: Bench, start: LearnedStart) -> tuple[float, float]:
    """CPU seconds of one step of one net: of Adam, and of the learned start's own."""
    targets, gradient, found = bench.parts["val"], fit_gradient(bench.net, bench.signals.coordinates), []
    rows, plain = bench.fresh(len(targets), 1.0, 0), bench.rows_of(start, start.start.repeat(len(targets), 1))
    rates = bench.rows_of(start, start.rates[None])
    began = time.process_time()
    psnr_curves(bench.net, rows, targets, bench.signals.coordinates, 1e-3, 50)
    found.append((time.process_time() - began) / (50 * len(targets)))
    began = time.process_time()
    for _ in range(50):
        plain - rates * gradient(plain, targets)[0]
    return found[0], (time.process_time() - began) / (50 * len(targets))


def log(text: str) -> None:
    sys.stderr.write(text + "\n")


def main(config: Config) -> None:
    with using_data_root(config.data_root):
        learn_and_measure(config)


def learn_and_measure(config: Config) -> None:
    torch.set_num_threads(1)
    bench, out = Bench(config), Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    start, seconds = bench.learned(config.train)
    start.save_pretrained(out / "start")
    repeated, reptile_seconds = bench.reptile()
    rows: dict[str, tuple[dict, float]] = {}
    for name, factor in (("SIREN", 1.0), ("SIREN x 2.5", 2.5)):
        drawn = {part: bench.fresh(len(t), factor, k) for k, (part, t) in enumerate(bench.parts.items())}
        rows[name] = measure(bench, drawn), 0.0
        log(f"{name} done")
    shared = {part: repeated.repeat(len(t), 1) for part, t in bench.parts.items()}
    rows["Reptile"] = measure(bench, shared), reptile_seconds
    plain = {part: bench.rows_of(start, start.start.repeat(len(t), 1)) for part, t in bench.parts.items()}
    rows["Meta-SGD's start, Adam"] = measure(bench, plain), seconds
    ends, before = own_steps(bench, start)
    rows["Meta-SGD, then Adam"] = measure(bench, ends, before), seconds
    for width in config.transformers if len(bench.convention.shape) == 2 else ():
        written, count, took = bench.transformer(width)
        rows[f"transformer from patches, {count:,} parameters, then Adam"] = measure(bench, written), took
    ceiling = max(max(rows[name][0]["curve"]) for name in ("SIREN", "SIREN x 2.5"))
    seconds_adam, seconds_own = seconds_a_step(bench, start)
    with (out / "results.jsonl").open("a", encoding="utf-8") as file:
        for name, (found, learning) in rows.items():
            curve = torch.tensor(found["curve"])
            record = {
                "recipe": config.recipe, "hash": bench.recipe.hash, "start": name, "seed": config.train.seed,
                "psnr": {str(k): round(float(curve[k]), 3) for k in SHOWN if k < len(curve)},
                "rates": {str(k): found["rates"][k] for k in SHOWN if k < len(found["rates"])},
                "ceiling": round(ceiling, 3), "steps_to_ceiling_minus_3": steps_to(curve, ceiling - 3),
                "steps_to_30_dB": steps_to(curve, 30.0), "steps_to_40_dB": steps_to(curve, 40.0),
                "seconds_a_step": seconds_adam, "seconds_an_own_step": seconds_own, "learning_seconds": learning,
                "signals": {part: len(t) for part, t in bench.parts.items()}, "horizon": config.horizon,
                "train": asdict(config.train), "command": " ".join(sys.argv), "torch": torch.__version__,
                "machine": platform.processor() or platform.machine(), "threads": 1,
            }  # fmt: skip
            file.write(json.dumps(record) + "\n")
            log(f"{name:26} {record['psnr']} to ceiling - 3: {record['steps_to_ceiling_minus_3']:.0f} steps")
    shown = min(30, config.horizon)
    best = max(("SIREN", "SIREN x 2.5"), key=lambda name: rows[name][0]["curve"][shown])
    factor, rate = {"SIREN": 1.0, "SIREN x 2.5": 2.5}[best], rows[best][0]["rates"][shown]
    matplotlib.use("agg")
    fresh = bench.fresh(6, factor, 9)
    later = rows["Meta-SGD, then Adam"][0]["rates"][max(0, shown - start.config.steps)]
    draw_starts(out / "steps.png", start, bench.parts["test"][:6], (best, fresh, rate), later)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
