"""Trains a refiner on digits, which writes starts for small CNNs that it never saw, and measures what they are worth.

    python scripts/train_refiner.py --out runs/refiner
    python scripts/train_refiner.py --out runs/refiner --train.minutes 0 --measured 100 50 50 25    # measure again

The held-out sets of architectures are fixed before anything is trained. Each start is compared on the test images:
without any training, against one epoch from He's init and against He's init with its last layer solved; then trained
on to the end beside He's init. Every training has the best optimizer and rate of one grid, by validation images.
Writes ``refiner``, which `weightspace.generators.load_generator` loads, and ``results.jsonl``, a line an architecture.
"""

import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from weightspace.cli import one_line_errors
from weightspace.data import Dataset, load_dataset
from weightspace.generators.refiner import Refiner
from weightspace.nets import Architecture
from weightspace.tasks.generation.architectures import HELD_OUT, SEEN, draw_different, held_out_sets
from weightspace.tasks.generation.headstart import accuracies, solve_last, steps_to_level, train_from
from weightspace.tasks.generation.refining import RefinerTraining, train_refiner
from weightspace.zoo.folder.spaces import trace_architecture

EPOCHS = 25


@dataclass(frozen=True)
class Config:
    """What is trained and measured."""

    out: str
    """Gets the refiner and the results."""
    architectures: int = 60
    """To train on."""
    width: int = 64
    """Of the metanet."""
    layers: int = 2
    """Of the metanet."""
    nets: int = 4
    """Starts of each architecture that are measured."""
    measured: tuple[int, ...] = tuple(count for _, count in HELD_OUT.values())
    """Architectures of each held-out set that are measured."""
    trained_on: tuple[int, ...] = (20, 10, 10, 10)
    """Of these, those that are trained to the end."""
    train: RefinerTraining = field(default_factory=RefinerTraining)


def learn(config: Config, data: Dataset) -> Refiner:
    """The refiner, or the one that lies in the output folder already if there are no minutes."""
    place = Path(config.out) / "refiner"
    if config.train.minutes == 0:
        return Refiner.from_pretrained(place)
    held = [architecture for some in held_out_sets().values() for architecture in some]
    source = torch.Generator().manual_seed(config.train.seed + 1)
    able = draw_different(config.architectures, source, SEEN, held)
    torch.manual_seed(config.train.seed)
    spaces = [trace_architecture(architecture) for architecture in able]
    domain = {"data": {"name": "digits"}, "architectures": [able[0].to_dict()]}
    refiner = Refiner.for_spaces(*spaces, width=config.width, layers=config.layers, domain=domain)
    refiner.begin(probes(data, refiner.config.probes))
    log(f"{len(able)} architectures, {sum(p.numel() for p in refiner.parameters()):,} parameters")
    train_refiner(refiner, able, data, config.train, lambda step, loss, s: log(f"step {step}: {loss:.4f}, {s:.0f} s"))
    refiner.save_pretrained(place)
    (place.parent / "command.txt").write_text(" ".join(sys.argv), encoding="utf-8")
    return refiner


def probes(data: Dataset, count: int) -> torch.Tensor:
    """Training images, as many of each class."""
    rows = torch.cat(
        [(data.y_train == k).nonzero().flatten()[: -(-count // data.classes)] for k in range(data.classes)]
    )
    return data.x_train[rows[:count]]


def measure(refiner: Refiner, architecture: Architecture, data: Dataset, nets: int, whole: bool) -> dict:
    """What starts of one architecture are worth beside He's."""
    space = trace_architecture(architecture)
    he = refiner.start.sample(space, nets, seed=1)
    ours = refiner.sample(space, nets, seed=1)
    zero, fresh = (accuracies(architecture, weights, data)[1] for weights in (ours, he))
    solved = accuracies(architecture, solve_last(architecture, he, data), data)[1]
    epoch = train_from(architecture, he, data, 1, "constant")
    found = {
        "settings": dict(architecture.settings), "ours": zero.tolist(), "he": fresh.tolist(),
        "he_last_solved": solved.tolist(), "he_one_epoch": epoch.last.tolist(),
    }  # fmt: skip
    if whole:
        one = {name: tensor[:1] for name, tensor in he.items()}, {name: tensor[:1] for name, tensor in ours.items()}
        ends = [train_from(architecture, start, data, EPOCHS, "cosine") for start in one]
        level = 0.9 * float(ends[0].test[-1])
        found |= {"he_curve": ends[0].test.tolist(), "ours_curve": ends[1].test.tolist()}
        found |= {f"{n}_epochs_to_90": steps_to_level(end.test.tolist(), level) for n, end in zip(("he", "ours"), ends)}
    return found


def summary(lines: list[dict]) -> str:
    """A few figures of one held-out set."""

    def mean(line: dict, key: str) -> float:
        return 100 * statistics.fmean(line[key])

    ahead = sum(mean(line, "ours") > mean(line, "he_one_epoch") for line in lines)
    text = f"zero-shot {statistics.fmean(mean(x, 'ours') for x in lines):.1f}, "
    text += f"He {statistics.fmean(mean(x, 'he') for x in lines):.1f}, "
    text += f"He and last layer solved {statistics.fmean(mean(x, 'he_last_solved') for x in lines):.1f}, "
    text += f"one tuned epoch {statistics.fmean(mean(x, 'he_one_epoch') for x in lines):.1f}; "
    text += f"ahead of the epoch on {ahead} of {len(lines)}"
    whole = [line for line in lines if "he_curve" in line]
    if whole:
        gaps = [100 * line["he_curve"][-1] - mean(line, "ours") for line in whole]
        ends = [100 * (line["ours_curve"][-1] - line["he_curve"][-1]) for line in whole]
        text += f"; {len(whole)} trained to the end: median gap of zero-shot {statistics.median(gaps):.1f} points, "
        text += f"trained on {statistics.fmean(ends):+.2f} points against He, epochs to 90 % of He's end "
        text += f"{statistics.median(x['ours_epochs_to_90'] for x in whole):.2f} "
        text += f"against {statistics.median(x['he_epochs_to_90'] for x in whole):.2f}"
    return text


def log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main(config: Config) -> None:
    torch.set_num_threads(1)
    data, out = load_dataset("digits"), Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    refiner = learn(config, data)
    made = (out / "command.txt").read_text(encoding="utf-8")
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for (name, architectures), count, whole in zip(
            held_out_sets().items(), config.measured, config.trained_on, strict=True
        ):
            lines = []
            for number, architecture in enumerate(architectures[:count]):
                lines.append(measure(refiner, architecture, data, config.nets, number < whole))
                file.write(
                    json.dumps({"set": name, **lines[-1], "trained_by": made, "command": " ".join(sys.argv)}) + "\n"
                )
                file.flush()
            if lines:
                log(f"{name}: {summary(lines)}")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config))
