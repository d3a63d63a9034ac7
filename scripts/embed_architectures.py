"""Architectures of a zoo as vectors: predicting how good one is, and searching for the best with few trainings.

    weightspace zoo build digits-park --out runs/digits-park
    python scripts/embed_architectures.py --zoo runs/digits-park
    python scripts/embed_architectures.py --zoo runs/digits-park --by norm     # a search that begins with another space

The value of an architecture is the mean test accuracy of its nets. Vectors: *contrastive*, learned from Jacobians of
untrained nets without any accuracy; *spectrum*, singular values of the same Jacobians; *graph*, what the architecture
says (layers, channels, its settings); *parameters*, their number. Prints, for each, the tau of architectures that are
held out, the best value found after some evaluations, and the same in each space that --by makes, with the values of
the others known or not. Writes a line of JSON for each vector and seed to --out.
"""

import argparse
import json
import math
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from weightspace.cli import one_line_errors
from weightspace.data import load_dataset, using_data_root
from weightspace.nets import Architecture
from weightspace.tasks.architectures import (
    ContrastiveConfig,
    embed_architectures,
    jacobian_rows,
    predict_held_out,
    search,
    spectrum,
)
from weightspace.zoo import Zoo
from weightspace.zoo.recipe.trial import draw_trial

RANDOM = "random search"


def architectures(zoo: Zoo) -> tuple[list[Architecture], Tensor]:
    """The architectures of a zoo and the mean test accuracy of each one's nets; those that failed don't count."""
    found, values = {}, defaultdict(list)
    for row in zoo.final().table.to_pylist():
        if row["status"] != "ok":
            continue
        architecture = draw_trial(zoo.recipe, row["net"]).architecture
        key = json.dumps(dict(architecture.settings), sort_keys=True, default=list)
        found[key] = architecture
        values[key].append(row["test_accuracy"])
    keys = sorted(found)
    return [found[key] for key in keys], torch.tensor([statistics.mean(values[key]) for key in keys])


def graph_vector(architecture: Architecture, settings: dict[str, list[Any]]) -> list[float]:
    """Layers, channels, parameters, and every setting that varies, one number for each of its values."""
    own = architecture.settings
    channels = list(own["channels"])
    size = sum(p.numel() for p in architecture.build().parameters())
    shape = [len(channels), math.log(channels[0]), math.log(channels[-1]), math.log(max(channels)), math.log(size)]
    return shape + [float(own[key] == value) for key, known in settings.items() for value in known]


def vectors_of(found: list[Architecture], x: Tensor, arguments: argparse.Namespace, seed: int) -> dict[str, Tensor]:
    """Every kind of vector."""
    a = arguments
    rows = torch.stack([jacobian_rows(each, x, a.inits, a.columns, seed) for each in tqdm(found, desc="Jacobians")])
    varied = {key: sorted({each.settings[key] for each in found}, key=str) for key in found[0].settings
              if key != "channels" and not isinstance(found[0].settings[key], list | tuple)}  # fmt: skip
    varied = {key: known for key, known in varied.items() if len(known) > 1}
    graph = torch.tensor([graph_vector(each, varied) for each in found])
    learned = embed_architectures(rows, ContrastiveConfig(steps=a.steps, seed=seed))
    return {"contrastive": learned, "spectrum": torch.stack([spectrum(each) for each in rows]), "graph": graph,
            "contrastive and graph": torch.cat([learned, graph], 1), "parameters": graph[:, 4:5]}  # fmt: skip


def measured(kind: str, vectors: Tensor | None, values: Tensor, spaces: list[str], arguments: Any, seed: int) -> Any:
    """One line of the result file, means over --draws."""
    draws = [seed * 1000 + i for i in range(arguments.draws)]
    line: dict[str, Any] = {"vector": kind, "seed": seed}
    if vectors is not None:
        line["tau"] = statistics.mean(predict_held_out(vectors, values, len(values) // 2, d) for d in draws)
    curves = torch.stack([search(vectors, values, max(arguments.after), d) for d in draws])
    line |= {f"after {n}": float(values.max() - curves[:, n - 1].mean()) for n in arguments.after}
    for space in dict.fromkeys(spaces):
        mine = torch.tensor([each == space for each in spaces])
        here, there = (torch.where(own, values, torch.nan) for own in (mine, ~mine))
        most, best = min(arguments.after), float(values[mine].max())
        alone = torch.stack([search(vectors, here, most, d) for d in draws])[:, -1]
        line[f"{space}, alone"] = best - float(alone.mean())
        if vectors is not None and not mine.all():
            begun = torch.stack([search(vectors, here, most, d, elsewhere=there) for d in draws])[:, -1]
            line[f"{space}, the others known"] = best - float(begun.mean())
    return line


def main() -> None:
    """Every vector with every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", required=True, help="folder of a zoo of CNNs with several architectures")
    parser.add_argument("--data-root", help="folder with image collections, instead of the Hub")
    parser.add_argument("--by", default="norm", help="the setting whose values make spaces of their own")
    parser.add_argument("--seeds", type=int, default=3, help="how many; of nets' weights and of embeddings")
    parser.add_argument("--draws", type=int, default=10, help="halves to predict from, and searches, for each seed")
    parser.add_argument("--after", type=int, nargs="*", default=[8, 16], help="evaluations of a search")
    parser.add_argument("--inits", type=int, default=6, help="draws of weights for each architecture")
    parser.add_argument("--images", type=int, default=64, help="at which Jacobians are taken")
    parser.add_argument("--columns", type=int, default=24, help="singular vectors that are kept")
    parser.add_argument("--steps", type=int, default=400, help="of learning embeddings")
    parser.add_argument("--out", default="runs/architectures.jsonl", help="gets a line of JSON a vector and seed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    zoo = Zoo(arguments.zoo)
    found, values = architectures(zoo)
    if arguments.by not in found[0].settings:
        raise ValueError(f"--by must be one of {', '.join(found[0].settings)}, got {arguments.by!r}.")
    with using_data_root(arguments.data_root):
        x = load_dataset(**zoo.recipe.data).x_train[: arguments.images]
    spaces, lines = [f"{arguments.by}={each.settings[arguments.by]}" for each in found], []
    print(f"{len(found)} architectures, mean accuracy {float(values.min()):.3f} to {float(values.max()):.3f}")
    for seed in range(arguments.seeds):
        kinds = {**vectors_of(found, x, arguments, seed), RANDOM: None}
        for kind, vectors in kinds.items():
            lines.append(measured(kind, vectors, values, spaces, arguments, seed))
    keys = list(dict.fromkeys(key for line in lines for key in line if key not in {"vector", "seed"}))
    print("| vector | " + " | ".join(keys) + " |\n" + "|---" * (len(keys) + 1) + "|")
    for kind in dict.fromkeys(line["vector"] for line in lines):
        own = [line for line in lines if line["vector"] == kind]
        cells = [f"{statistics.mean(line[key] for line in own):.3f}" if key in own[0] else "" for key in keys]
        print(f"| {kind} | {' | '.join(cells)} |")
    Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    Path(arguments.out).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    one_line_errors(__file__)
    main()
