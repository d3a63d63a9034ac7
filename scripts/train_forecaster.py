"""Trains a forecaster of weights on the trajectories of a zoo, and measures what jumps save on other trainings.

    python scripts/train_forecaster.py --out runs/forecaster    # builds its zoo of digits CNNs, trains, races

Writes ``forecaster`` (which `Forecaster.from_pretrained` loads), ``perceptron`` (the same without messages: every
weight by itself) and ``results.jsonl``. Every row gets the same grid of rates, picked on other seeds; figures are steps
and the processor's seconds to a validation loss: the final one of Adam with a cosine, at its best rate.
"""

import copy
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from weightspace import Recipe, build_zoo
from weightspace.cli import one_line_errors
from weightspace.data import load_dataset
from weightspace.nets import build_net
from weightspace.optimizers import Extrapolation, Forecaster, ForecasterConfig, Nowcaster
from weightspace.space import WeightSpace
from weightspace.tasks.optimization.forecasting import ForecastConfig, Trajectories, forecast_loss, train_forecaster
from weightspace.tasks.optimization.forecasting import windows as draw_windows

RECIPE = """
name = "digits-steps"
description = "CNNs on 8x8 digits, saved every ten steps: what forecasters of weights learn from."
nets = {nets}
seed = 5

[data]
name = "digits"

[net]
name = "cnn"
image_size = 8
channels = [16, 16, 16]
stride = [2, 2, 1]

[train]
optimizer = "adam"
lr = {{ low = 1e-3, high = 2e-2, log = true }}
batch_size = 32
steps = 600

[save]
count = 60
initial = true
evaluate = 200

[store]
shard = 16
"""
NETS = {
    "the trained shape": {"channels": [16, 16, 16], "stride": [2, 2, 1]},
    "wider": {"channels": [24, 24, 24], "stride": [2, 2, 1]},
    "deeper": {"channels": [12, 12, 12, 12], "stride": [2, 1, 2, 1]},
}
SPACING, BATCH = 10, 32


@dataclass(frozen=True)
class Config:
    """What is trained, and for how long."""

    out: Annotated[Path, tyro.conf.arg(help="gets the forecasters and the result file")]
    nets: int = 48
    """Of the zoo."""
    forecast: ForecastConfig = field(default_factory=ForecastConfig)
    """The forecaster's own training."""
    steps: int = 600
    """Of a training that is raced."""
    seeds: int = 5
    """Judged ones."""
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    """The grid."""
    aheads: tuple[int, ...] = (50, 200)
    """Steps of a jump that are tried beside the rates."""
    shapes: tuple[str, ...] = tuple(NETS)
    """Of the nets that are raced."""


@dataclass(frozen=True)
class Curve:
    """Validation losses of a training every ten steps, and its seconds."""

    losses: list[float]
    seconds: float
    jumps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rival:
    """A way to train: with a cosine or not, with an average that is judged, with jumps of a forecaster or without."""

    cosine: bool = False
    average: bool = False
    forecaster: nn.Module | None = None


def train_net(shape: dict, rival: Rival, rate: float, ahead: int, seed: int, steps: int) -> Curve:
    """One training of a CNN on digits by Adam."""
    data, net = load_dataset("digits"), None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build_net("cnn", image_size=8, **shape)
        order = torch.Generator().manual_seed(seed)
    x_guard, y_guard, x_val, y_val = data.x_val[::2], data.y_val[::2], data.x_val[1::2], data.y_val[1::2]
    guard = lambda: functional.cross_entropy(net(x_guard), y_guard)  # noqa: E731
    optimizer: torch.optim.Optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    if rival.forecaster is not None:
        space = traced(json.dumps(shape))
        optimizer = Nowcaster(optimizer, net, rival.forecaster, space, SPACING, ahead, guard=guard)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if rival.cosine else None
    mean, judged, losses, spent = copy.deepcopy(net), net, [], 0.0
    for step in range(steps):
        began = time.process_time()
        rows = torch.randint(len(data.x_train), (BATCH,), generator=order)
        optimizer.zero_grad()
        functional.cross_entropy(net(data.x_train[rows]), data.y_train[rows]).backward()
        optimizer.step()
        if fall:
            fall.step()
        if rival.average:
            judged = mean
            share = min(0.98, (step + 1) / (step + 10))
            with torch.no_grad():
                for a, b in zip(mean.parameters(), net.parameters(), strict=True):
                    a.lerp_(b, 1 - share)
        spent += time.process_time() - began
        if (step + 1) % SPACING == 0:
            with torch.no_grad():
                losses.append(float(functional.cross_entropy(judged(x_val), y_val)))
    return Curve(losses, spent, dict(optimizer.jumps) if isinstance(optimizer, Nowcaster) else {})


_SPACES: dict[str, WeightSpace] = {}


def traced(shape: str) -> WeightSpace:
    """The weight space of a CNN, traced once."""
    if shape not in _SPACES:
        net = build_net("cnn", image_size=8, **json.loads(shape))
        _SPACES[shape] = WeightSpace.trace(net.eval(), torch.zeros(2, 1, 8, 8))
    return _SPACES[shape]


def steps_to(curve: Curve, target: float) -> float:
    """Steps until the loss is there; infinite if never."""
    return next((SPACING * (i + 1) for i, loss in enumerate(curve.losses) if loss <= target), float("inf"))


def compete(shape: dict, rival: Rival, config: Config, watch: Callable[[], None]) -> tuple[float, int, list[Curve]]:
    """The setting whose best validation loss on a picking seed is lowest, and its trainings on the judged seeds."""
    aheads = config.aheads if rival.forecaster is not None else (0,)
    tried = {}
    for rate in config.rates:
        for ahead in aheads:
            tried[rate, ahead] = min(train_net(shape, rival, rate, ahead, 1000, config.steps).losses)
            watch()
    rate, ahead = min(tried, key=lambda key: tried[key])
    curves = []
    for seed in range(config.seeds):
        curves.append(train_net(shape, rival, rate, ahead, seed, config.steps))
        watch()
    return rate, ahead, curves


def learn(config: Config) -> dict[str, Forecaster]:
    """The zoo, and both forecasters."""
    zoo = build_zoo(Recipe.from_toml(RECIPE.format(nets=config.nets)), config.out / "zoo", workers=1)
    parts = {part: Trajectories.from_zoo(zoo.split(part)) for part in ("train", "test")}
    found = {}
    for name, settings in (("forecaster", {}), ("perceptron", {"layers": 0})):
        torch.manual_seed(config.forecast.seed)
        model = Forecaster(ForecasterConfig(domain={"trained_on": "digits-steps"}, **settings))
        with tqdm(total=config.forecast.steps, desc=name) as bar:
            train_forecaster(model, parts["train"], config.forecast, lambda step, loss: _tell(bar, loss))
        model.eval().save_pretrained(config.out / name)
        found[name] = model
    for name, model in {**found, "a straight line": Extrapolation(), "half of it": Extrapolation(0.5)}.items():
        tqdm.write(f"{name}: {test_loss(model, parts['test'][0]):.3f} of the error of staying, on unseen runs")
    return found


@torch.no_grad()
def test_loss(model: nn.Module, own: Trajectories) -> float:
    """The mean share of the error over forty draws of windows."""
    generator = torch.Generator().manual_seed(0)
    config = ForecastConfig()
    return statistics.mean(
        float(forecast_loss(model, own.space, *draw_windows(own, config, generator))) for _ in range(40)
    )


def _tell(bar: tqdm, loss: float) -> None:
    bar.set_postfix_str(f"{loss:.3f} of the error of staying", refresh=False)
    bar.update()


def main(config: Config) -> None:
    """Forecasters, then the race on three shapes of nets."""
    torch.set_num_threads(1)
    models = learn(config)
    rivals = {
        "Adam, constant": Rival(),
        "Adam, cosine": Rival(cosine=True),
        "weight averaging": Rival(average=True),
        "straight line": Rival(forecaster=Extrapolation()),
        "perceptron": Rival(forecaster=models["perceptron"]),
        "nowcasting": Rival(forecaster=models["forecaster"]),
        "nowcasting, cosine": Rival(cosine=True, forecaster=models["forecaster"]),
    }
    lines = []
    for name, shape in ((name, NETS[name]) for name in config.shapes):
        with tqdm(desc=name) as bar:
            results = {rival: compete(shape, own, config, lambda: bar.update()) for rival, own in rivals.items()}
        target = statistics.mean(curve.losses[-1] for curve in results["Adam, cosine"][2])
        for rival, (rate, ahead, curves) in results.items():
            mean = Curve([statistics.mean(at) for at in zip(*(c.losses for c in curves), strict=True)], 0.0)
            steps, spent = steps_to(mean, target), statistics.mean(c.seconds for c in curves)
            line = {"net": name, "row": rival, "rate": rate, "ahead": ahead, "steps": steps, "of": config.steps,
                    "seconds": spent * steps / config.steps, "final": mean.losses[-1], "best": min(mean.losses),
                    "target": target, "seeds": config.seeds, "jumps": curves[0].jumps,
                    "curve": mean.losses}  # fmt: skip
            lines.append(line)
            tqdm.write(f"{name:18s}{rival:20s}{steps:6.0f} steps {line['seconds']:6.2f} s  final {line['final']:.4f}")
    (config.out / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
