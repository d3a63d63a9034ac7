"""Learns a start for pictures of which only some pixels are given, and compares what nets show elsewhere.

    python scripts/observe_start.py --recipe digits-inr --out runs/observed

The start is learned as in train_start.py, but each fit sees a few pixels that are drawn anew, and its error counts on
all of them (after Garnelo et al. 2018, "Conditional neural processes", with gradient descent as the encoder). Beside it
are a start that is learned on whole pictures and is given the same pixels, SIREN's init with Adam on these (rate and
number of steps by validation pictures), and what needs no net: the mean picture of the training set, the training
picture that is nearest on the given pixels, and the mean of a normal distribution under the condition that they have
these values (its ridge by validation pictures). Writes ``start``, ``results.jsonl`` (a line a way and number of pixels:
PSNR of the pixels that weren't given) and ``observed-8.png`` and the like.
"""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import matplotlib
import torch
import tyro
from torch import Tensor

from weightspace.cli import one_line_errors
from weightspace.data import load_signals
from weightspace.generators.start import LearnedStart
from weightspace.inr import Convention
from weightspace.nets import Architecture
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.space import WeightSpace
from weightspace.tasks.generation.starting.observed import (
    conditional_means,
    draw_observed,
    fitted,
    nearest,
    psnr_elsewhere,
    shown_by,
)
from weightspace.tasks.generation.starting.starts import StartConfig, hidden, train_start
from weightspace.zoo import Recipe
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.initial import draw_weights

RATES, STEPS = (3e-4, 1e-3, 3e-3, 1e-2), 60
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Config:
    """What is learned on what."""

    recipe: str
    """A recipe of the gallery whose nets are SIRENs that are fitted to pictures."""
    out: str
    """Gets the starts, the table and the picture."""
    given: tuple[int, ...] = (4, 8, 16, 32)
    """Numbers of pixels that are measured."""
    steps: int = 3
    """Of gradient descent."""
    first_rate: float = 1e-2
    """What every weight's rate is at first."""
    nets: tuple[int, int] = (64, 128)
    """Validation and test pictures."""
    train: StartConfig = field(default_factory=lambda: StartConfig(learning_rate=3e-3))


class Bench:
    """Signals, draws of the recipe's init, and the two starts."""

    def __init__(self, config: Config):
        recipe = Recipe.load(config.recipe)
        self.config, self.signals = config, load_signals(grid=recipe.fit.grid, **recipe.data)
        s, self.trial = self.signals, draw_trial(recipe, 0)
        self.net = self.trial.architecture.build().eval()
        self.space = WeightSpace.trace(self.net, *self.net.example_inputs())
        self.convention = Convention(Architecture.of(self.net), s.shape, s.grid, s.peak, low=s.low)
        self.known, val, test = (s.values[s.parts == part] for part in range(3))
        self.parts = {"val": val[: config.nets[0]], "test": test[: config.nets[1]]}
        most = max(config.given)
        self.partial = self.learned((min(config.given), most), "few pixels")
        self.whole = self.learned((0, 0), "whole pictures")

    def fresh(self, count: int) -> Tensor:
        """Rows of nets by the recipe's init."""
        trials, layout = (replace(self.trial, init_seed=1000 + k) for k in range(count)), FlatLayout.of(self.net)
        drawn = torch.stack([draw_weights(self.net, layout, trial) for trial in trials])
        return LearnedStart.for_convention(self.space, self.convention).vectors.rows(layout.views(drawn))

    def learned(self, given: tuple[int, int], what: str) -> LearnedStart:
        """A start whose fits are given so many pixels."""
        start = LearnedStart.for_convention(self.space, self.convention, steps=self.config.steps)
        first = start.vectors.weights(self.fresh(1))
        start.begin({name: tensor[0] for name, tensor in first.items()}, self.config.first_rate)
        told = lambda step, value: log(f"{what}, step {step}: {value:.2f} dB")  # noqa: E731
        return train_start(start, self.signals, replace(self.config.train, given=given), told)

    def adam(self, seen: dict[str, Tensor]) -> Tensor:
        """What SIREN's init shows of the test pictures, with the rate and number of steps that validation picks."""
        found = {}
        for part, given in seen.items():
            rows = self.fresh(len(given))
            found[part] = torch.stack([fitted(self.partial, rows, given, rate, STEPS) for rate in RATES]).flatten(0, 1)
        scores = [float(self.score(shown, seen["val"], "val").mean()) for shown in found["val"]]
        return found["test"][max(range(len(scores)), key=scores.__getitem__)]

    def normal(self, seen: dict[str, Tensor]) -> Tensor:
        """Conditional means of the test pictures, with the ridge that validation picks."""
        tried = [conditional_means(seen["val"], self.known, ridge) for ridge in RIDGES]
        scores = [float(self.score(shown, seen["val"], "val").mean()) for shown in tried]
        return conditional_means(seen["test"], self.known, RIDGES[max(range(len(scores)), key=scores.__getitem__)])

    def score(self, shown: Tensor, given: Tensor, part: str) -> Tensor:
        """PSNR on what wasn't given."""
        return psnr_elsewhere(shown, given, self.parts[part], self.signals.peak)

    def ways(self, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """What each way shows of the test pictures."""
        given = seen["test"]
        return {
            "start learned on few pixels": shown_by(self.partial, self.partial.fit(given)),
            "start learned on whole pictures": shown_by(self.whole, self.whole.fit(given)),
            "SIREN's init, Adam": self.adam(seen),
            "mean training picture": self.known.mean(0, keepdim=True).expand_as(given),
            "nearest training picture": nearest(given, self.known),
            "conditional mean of a normal distribution": self.normal(seen),
        }


def log(text: str) -> None:
    sys.stderr.write(text + "\n")


def main(config: Config) -> None:
    torch.set_num_threads(1)
    matplotlib.use("agg")
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    bench, told = Bench(config), {"recipe": config.recipe, "seed": config.train.seed, "train": asdict(config.train)}
    bench.partial.save_pretrained(out / "start")
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for count in config.given:
            source = torch.Generator().manual_seed(config.train.seed)
            seen = {part: hidden(whole, (count, count), source) for part, whole in bench.parts.items()}
            shown = bench.ways(seen)
            for way, pictures in shown.items():
                found = bench.score(pictures, seen["test"], "test")
                line = {"way": way, "given": count, "psnr": float(found.mean()), "spread": float(found.std())}
                file.write(json.dumps(line | told | {"pictures": len(found), "command": " ".join(sys.argv)}) + "\n")
                log(f"{count:3} {way:44} {line['psnr']:.2f} dB")
            some = {"given": seen["test"], **shown, "the picture": bench.parts["test"]}
            few, s = {name: pictures[:5] for name, pictures in some.items()}, bench.signals
            draw_observed(out / f"observed-{count}.png", s.shape, few, s.low, s.peak)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config))
