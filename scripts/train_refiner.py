"""Trains a refiner on digits, which writes starts for small CNNs that it never saw, and measures what they are worth.

    python scripts/train_refiner.py --out runs/refiner
    python scripts/train_refiner.py --out runs/refiner --train.minutes 0 --measured 100 50 50 25    # measure again

The held-out sets of architectures are fixed before anything is trained. Each start is compared on the test images:
without any training, against one epoch from He's init and from LSUV, against both with the last layer solved, and
against He's init that is finished as the refiner's own nets are; then trained on to the end beside He's init, plain
and solved. Every training has the best optimizer and rate of one grid, every solving the best penalty, by validation
images.
Writes ``refiner``, which `weightspace.generators.load_generator` loads, and ``results.jsonl``, a line an architecture.
"""

import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from weightspace.cli import one_line_errors
from weightspace.data import Dataset, load_dataset
from weightspace.generators.refiner import Refiner
from weightspace.nets import Architecture
from weightspace.tasks.generation.architectures import HELD_OUT, SEEN, draw_different, held_out_sets
from weightspace.tasks.generation.headstart import accuracies, lsuv, solve_last, steps_to_level, train_from
from weightspace.tasks.generation.refining import RefinerTraining, train_refiner
from weightspace.zoo.folder.spaces import trace_architecture

EPOCHS = 25
STARTS = ("ours", "he", "he_last_solved", "lsuv_last_solved", "he_finished", "he_one_epoch", "lsuv_one_epoch")


@dataclass(frozen=True)
class Config:
    """What is trained and measured."""

    out: str
    """Gets the refiner and the results."""
    architectures: int = 100
    """To train on."""
    width: int = 64
    """Of the metanet."""
    layers: int = 2
    """Of the metanet."""
    solved: bool = True
    """The refiner keeps the training images and solves the last layer of its nets on them."""
    descents: int = 2
    """Steps of gradient descent on them before that."""
    nets: int = 4
    """Starts of each architecture that are measured."""
    measured: tuple[int, ...] = tuple(count for _, count in HELD_OUT.values())
    """Architectures of each held-out set that are measured."""
    trained_on: tuple[int, ...] = (100, 20, 20, 10)
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
    examples = len(data.x_train) if config.solved else 0
    refiner = Refiner.for_spaces(
        *spaces, width=config.width, layers=config.layers, domain=domain, examples=examples,
        descents=config.descents if examples else 0,
        example_shape=data.input_shape if examples else (),
    )  # fmt: skip
    refiner = refiner.keep(data.x_train, data.y_train) if examples else refiner
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
    he, scaled = refiner.start.sample(space, nets, seed=1), lsuv(architecture, nets, data, 1)
    began = time.process_time()
    ours = refiner.sample(space, nets, seed=1, condition=architecture.build() if refiner.takes_net else None)
    found = {"settings": dict(architecture.settings), "seconds_a_net": (time.process_time() - began) / nets}
    solved = solve_last(architecture, he, data)
    starts = {
        "ours": ours,
        "he": he,
        "he_last_solved": solved,
        "lsuv_last_solved": solve_last(architecture, scaled, data),
        "he_finished": refiner.finish(space, architecture.build(), he) if refiner.takes_net else he,
    }
    found |= {name: accuracies(architecture, some, data)[1].tolist() for name, some in starts.items()}
    for name, some in {"he": he, "lsuv": scaled}.items():
        found[f"{name}_one_epoch"] = train_from(architecture, some, data, 1, "constant").last.tolist()
    if whole:
        for name in ("he", "he_last_solved", "ours"):
            one = {key: tensor[:1] for key, tensor in starts[name].items()}
            found[f"{name}_curve"] = train_from(architecture, one, data, EPOCHS, "cosine").test.tolist()
        level = 0.9 * found["he_curve"][-1]
        for name in ("he", "he_last_solved", "ours"):
            found[f"{name}_epochs_to_90"] = steps_to_level(found[f"{name}_curve"], level)
    return found


def summary(lines: list[dict]) -> str:
    """A few figures of one held-out set."""
    whole = [line for line in lines if "he_curve" in line]
    means = {name: statistics.fmean(percent(line, name) for line in lines) for name in STARTS}
    text = ", ".join(f"{name} {value:.1f}" for name, value in means.items())
    for rival in STARTS[1:]:
        text += f"; ahead of {rival} on {sum(percent(x, 'ours') > percent(x, rival) for x in lines)} of {len(lines)}"
    if whole:
        gaps = [100 * line["he_curve"][-1] - percent(line, "ours") for line in whole]
        text += f"; {len(whole)} trained to the end: median gap of zero-shot {statistics.median(gaps):.1f} points"
        for name in ("he_last_solved", "ours"):
            ends = [100 * (line[f"{name}_curve"][-1] - line["he_curve"][-1]) for line in whole]
            text += f", {name} trained on {statistics.fmean(ends):+.2f} points against He"
        for name in ("he", "he_last_solved", "ours"):
            text += f", {name} {statistics.median(x[f'{name}_epochs_to_90'] for x in whole):.2f} epochs to 90 %"
    return text


def percent(line: dict, start: str) -> float:
    """Mean accuracy of the nets of a start, in %."""
    return 100 * statistics.fmean(line[start])


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
                said = {"examples": refiner.config.examples, "descents": refiner.config.descents}
                said |= {"trained_by": made, "command": " ".join(sys.argv)}
                file.write(json.dumps({"set": name, **lines[-1], **said}) + "\n")
                file.flush()
            if lines:
                log(f"{name}: {summary(lines)}")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config))
