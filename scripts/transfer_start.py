"""Fits pictures of another collection from a learned start: what it is worth on what it wasn't learned on.

    python scripts/transfer_start.py --start siren-start --recipe digits-inr --data mnist --out runs/moved

Pictures are made grey and brought to the start's grid by averaging over squares. Beside it SIREN's init and the same
with larger weights, each with Adam at the rate that is best on validation pictures for each number of steps. Writes
``results.jsonl``, a line a start, and prints it.
"""

import json
import platform
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from torch import Tensor
from torch.nn import functional

from weightspace import Recipe, load_metanet
from weightspace.cli import one_line_errors
from weightspace.data import load_signals, using_data_root
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.tasks.generation.starting.starts import psnr_curves, steps_to
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.initial import draw_weights

RATES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SHOWN = (0, 1, 3, 10, 30, 100)


@dataclass(frozen=True)
class Config:
    """What is fitted."""

    start: str
    """A folder that save_pretrained made, or the name of a start that ships."""
    recipe: str
    """Whose init is the rival."""
    data: str
    """A collection of images."""
    out: str
    """Gets the results."""
    data_root: str = ""
    """Folder with image collections, instead of the Hub."""
    nets: tuple[int, int] = (64, 128)
    """Validation pictures that pick rates, and test pictures."""
    steps: int = 150
    """Of Adam."""
    level: float = 40.0
    """PSNR in dB to whose step is counted."""


def pictures(config: Config, size: int) -> list[Tensor]:
    """Validation and test pictures between 0 and 1, ``[nets, 1, points]``."""
    with using_data_root(config.data_root or None):
        whole, found = load_signals(config.data), []
    for part, count in zip((1, 2), config.nets, strict=True):
        some = whole.values[whole.parts == part][:count].unflatten(2, whole.shape).mean(1, keepdim=True)
        edge = some.shape[-1] % size // 2
        inner = some[..., edge : some.shape[-2] - edge, edge : some.shape[-1] - edge]
        found.append(functional.avg_pool2d((inner - whole.low) / whole.peak, inner.shape[-1] // size).flatten(2))
    return found


def main(config: Config) -> None:
    torch.set_num_threads(1)
    start, recipe, out = load_metanet(config.start), Recipe.load(config.recipe), Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    trial, c = draw_trial(recipe, 0), start.convention
    net = trial.architecture.build().eval()
    layout, parts = FlatLayout.of(net), pictures(config, c.shape[0])
    parts = [c.low + c.peak * values for values in parts]
    inner = layout.mask(tuple(n for n in layout.names if not n.startswith(f"linears.{len(net.config.hidden)}.")))

    def fresh(count: int, factor: float) -> Tensor:
        rows = torch.stack([draw_weights(net, layout, replace(trial, init_seed=1000 + k)) for k in range(count)])
        return rows * (1 + (factor - 1) * inner)

    def own(values: Tensor) -> Tensor:
        return layout.rows(start.vectors.weights(start.fit(values).detach()))

    starts = {
        "SIREN": [fresh(len(values), 1.0) for values in parts],
        "SIREN x 2.5": [fresh(len(values), 2.5) for values in parts],
        f"{Path(config.start).name}, its own {start.config.steps} steps, then Adam": [own(values) for values in parts],
    }
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for name, (val, test) in starts.items():
            tried = [[psnr_curves(net, rows, values, c.points(), rate, config.steps, c.peak)[0].mean(0)
                      for rate in RATES] for rows, values in zip((val, test), parts, strict=True)]  # fmt: skip
            picked = torch.stack(tried[0]).argmax(0)
            curve = torch.stack(tried[1])[picked, torch.arange(len(picked))]
            if "own" in name:  # its steps come first: the start, and what it shows after each
                before = [start.loss(start.start.expand(len(parts[1]), -1), parts[1])]
                before += [start.loss(start.fit(parts[1], k), parts[1]) for k in range(1, start.config.steps)]
                shown = torch.stack([10 * (c.peak**2 / error.detach()).log10().mean() for error in before])
                curve = torch.cat([shown, curve])
            line = {"start": name, "data": config.data, "psnr": {str(k): float(curve[k]) for k in SHOWN}}
            line |= {"steps": steps_to(curve, config.level), "level": config.level, "nets": list(config.nets)}
            line |= {"command": " ".join(sys.argv), "torch": torch.__version__, "machine": platform.machine()}
            file.write(json.dumps(line) + "\n")
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
