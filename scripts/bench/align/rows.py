"""What the benchmarks of aligning have in common: flags, and a line of JSON for each result."""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from weightspace.align.barrier import Barrier

RESULTS = Path("scripts/bench/results/align.jsonl")


def flags(about: str | None) -> argparse.ArgumentParser:
    """The flags that all scripts take."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", help="the folder that holds mnist/ and cifar10-gray.npz")
    parser.add_argument("--folder", type=Path, default=Path("runs/align"), help="where trained nets are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a line of JSON is added for each result")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The flags given."""
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    return arguments


def write(out: Path, row: str, **values: Any) -> None:
    """Add a result to the file, with the load of the machine when it was measured."""
    about = {"threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1)}
    line = json.dumps({"row": row, **{k: _short(v) for k, v in values.items()}, **about})
    print(line, flush=True)
    with out.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _short(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


def write_curves(out: Path, row: str, found: Barrier, skip: tuple[str, ...] = (), **about: Any) -> None:
    """A result for each curve of a barrier: its ends, its middle, and how far it rises above the line between them."""
    naive = found["naive"]
    for curve in found.curves:
        if curve.name not in skip:
            write(out, row, way=curve.name, **about, ends=_ends(curve.scores), accuracy_barrier=curve.accuracy_barrier,
                  loss_barrier=curve.loss_barrier, share_of_naive=curve.loss_barrier / naive.loss_barrier,
                  middle=curve.scores[len(curve.scores) // 2].accuracy)  # fmt: skip


def _ends(scores: Any) -> list[float]:
    return [round(score.accuracy, 4) for score in (scores[0], scores[-1])]


class Clock:
    """Seconds on the wall, and seconds that this process computed, since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}
