"""Train the nets that the benchmarks of aligning start from, and keep them.

    python scripts/bench/align/ends.py mnist-mlp --seeds 0 1 2 3 4 --data-root data

Each is stopped at its best epoch on validation data. A file FOLDER/NAME-SEED.safetensors keeps the weights, and in its
metadata what they cost: epochs, seconds, load of the machine, loss and accuracy. One that is there isn't trained again.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch
from material import RECIPES, Material, Recipe
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from weightspace.align.matching.score import Score, predictions, score_of

Weights = dict[str, Tensor]


def end(name: str, seed: int, folder: Path, root: str) -> tuple[Weights, dict[str, str]]:
    """A trained net and what it cost; trained now if the folder hasn't got it."""
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        weights, about = train(RECIPES[name], seed, root)
        save_file({n: t.contiguous() for n, t in weights.items()}, path, {n: str(v) for n, v in about.items()})
    with safe_open(path, "pt") as file:
        return load_file(path), dict(file.metadata())


def train(recipe: Recipe, seed: int, root: str, start: Weights | None = None) -> tuple[Weights, dict[str, Any]]:
    """Train one net by a recipe, from its own start or a given one."""
    data, started = recipe.data(root), time.perf_counter()
    torch.manual_seed(seed)
    net = recipe.net()
    if start is not None:
        net.load_state_dict(start)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator = torch.Generator().manual_seed(seed)
    steps = recipe.epochs * (len(data.x) // recipe.batch)
    optimizer = _optimizer(net, recipe)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, total_steps=steps, pct_start=0.2)
    best: tuple[Score, int, Weights] | None = None
    for epoch in range(recipe.epochs):
        _epoch(net, recipe, data, optimizer, schedule, generator)
        score = score_of(predictions(net.eval(), net.state_dict(), data.x_val), data.y_val)
        if best is None or score.loss < best[0].loss:
            best = score, epoch + 1, {n: t.detach().clone().contiguous() for n, t in net.state_dict().items()}
        print(f"epoch {epoch + 1}: loss {score.loss:.4f}, accuracy {score.accuracy:.4f}", flush=True)
    assert best is not None
    about = {"epochs": recipe.epochs, "best_epoch": best[1], "loss": best[0].loss, "accuracy": best[0].accuracy}
    seconds = time.perf_counter() - started
    return best[2], {**about, "seconds": round(seconds), "threads": torch.get_num_threads(), "load": os.getloadavg()[1]}


def _optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=recipe.decay)
    return torch.optim.SGD(net.parameters(), lr=recipe.lr, momentum=0.9, weight_decay=recipe.decay, nesterov=True)


def _epoch(
    net: nn.Module, recipe: Recipe, data: Material, optimizer: Any, schedule: Any, generator: torch.Generator
) -> None:
    net.train()
    order = torch.randperm(len(data.x), generator=generator)
    for rows in order.split(recipe.batch)[: len(data.x) // recipe.batch]:
        inputs = _augmented(data.x[rows], generator) if recipe.augment else data.x[rows]
        with torch.autocast("cpu", torch.bfloat16):
            outputs = net(inputs)
        loss = functional.cross_entropy(outputs.float().flatten(0, -2), data.y[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the images mirrored, all of them moved by up to an eighth of their side."""
    count, side = len(images), images.shape[-1]
    mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    images = torch.where(mirrored, images.flip(3), images)
    reach = side // 8
    wide = functional.pad(images, [reach] * 4, mode="reflect")
    corner = torch.randint(2 * reach + 1, (count, 2), generator=generator)
    rows = (corner[:, :1] + torch.arange(side)).reshape(count, 1, side, 1).expand(-1, 1, -1, wide.shape[3])
    columns = (corner[:, 1:] + torch.arange(side)).reshape(count, 1, 1, side).expand(-1, 1, side, -1)
    return wide.gather(2, rows).gather(3, columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=RECIPES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--data-root", default="data", help="the folder that holds mnist/ and cifar10-gray.npz")
    parser.add_argument("--folder", type=Path, default=Path("runs/align"))
    arguments = parser.parse_args()
    for name in arguments.names:
        for seed in arguments.seeds:
            print(name, seed, end(name, seed, arguments.folder, arguments.data_root)[1], flush=True)


if __name__ == "__main__":
    main()
