"""Trains a refiner on digits, which writes starts for small CNNs that it never saw, and measures what they are worth.

    python scripts/train_refiner.py --out runs/refiner
    python scripts/train_refiner.py --out runs/refiner --passes 0 --train.minutes 0    # He's init and its steps alone
    python scripts/train_refiner.py --out runs/refiner --train.minutes 0 --measured 100 50 50 25    # measure again
    python scripts/train_refiner.py --out runs/mnist --data mnist --passes 0 --train.minutes 0

The held-out sets of architectures are fixed before anything is trained. Each start is compared on the test images:
without any training, against one epoch from He's init and from LSUV, against both with the last layer solved, and,
if there is a metanet, against He's init that is finished as the refiner's own nets are; then trained on to the end
beside He's init. Every training has the best optimizer and rate of one grid, every solving the best penalty, by
validation images.
With ``--metanet`` the metanet of another refiner is taken over and trained on (not at all with ``--train.minutes 0``);
``--known`` names results of an earlier run on the same data; what doesn't depend on the refiner is taken from there.
Writes ``refiner``, which `weightspace.generators.load_generator` loads, and ``results.jsonl``, a line an architecture.
"""

import json
import statistics
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
import tyro
from torch.nn import functional

from weightspace import load_metanet
from weightspace.cli import one_line_errors
from weightspace.data import Dataset, load_dataset, using_data_root
from weightspace.generators.refiner import Refiner
from weightspace.nets import Architecture
from weightspace.space import WeightSpace
from weightspace.tasks.generation.architectures import HELD_OUT, SEEN, draw_different, held_out_sets
from weightspace.tasks.generation.refining import RefinerTraining, train_refiner
from weightspace.tasks.generation.starting.headstart import accuracies, lsuv, solve_last, steps_to_level, train_from
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
    descents: int = 40
    """Steps of gradient descent on them before that."""
    batch: int = 200
    """Training images in each of these steps; 0 takes all."""
    momentum: float = 0.7
    """Of these steps."""
    passes: int = 1
    """How often the metanet changes the nets; 0 leaves it out."""
    metanet: str = ""
    """A refiner whose parameters are taken over; its rates only for as many steps."""
    data: Literal["digits", "mnist", "cifar10"] = "digits"
    """Images; those of MNIST and CIFAR-10 in grey and 8x8, averaged over squares."""
    data_root: str = ""
    """Folder with image collections, instead of the Hub."""
    known: str = ""
    """Results of an earlier run."""
    lsuv: bool = True
    """LSUV is measured, too."""
    nets: int = 4
    """Starts of each architecture that are measured."""
    measured: tuple[int, ...] = tuple(count for _, count in HELD_OUT.values())
    """Architectures of each held-out set that are measured."""
    trained_on: tuple[int, ...] = (100, 20, 20, 10)
    """Of these, those that are trained to the end."""
    train: RefinerTraining = field(default_factory=RefinerTraining)


def images(config: Config) -> Dataset:
    """The data of this run; of large collections 2,000 training, 500 validation and 1,000 test images."""
    if config.data == "digits":
        return load_dataset("digits")
    with using_data_root(config.data_root or None):
        whole, parts = load_dataset(config.data), []
    for part, count in (("train", 2000), ("val", 500), ("test", 1000)):
        pictures, labels = (tensor[:count] for tensor in whole.part(part))
        edge = pictures.shape[-1] % 8 // 2
        inner = pictures[..., edge : pictures.shape[-2] - edge, edge : pictures.shape[-1] - edge]
        parts += [functional.avg_pool2d(inner.mean(1, keepdim=True), inner.shape[-1] // 8), labels]
    return Dataset(f"{config.data}, grey, 8x8", whole.classes, *parts)


def learn(config: Config, data: Dataset) -> Refiner:
    """The refiner, or the one that lies in the output folder already if there are no minutes."""
    place = Path(config.out) / "refiner"
    if config.train.minutes == 0 and not config.metanet and place.exists():
        return Refiner.from_pretrained(place)
    held = [architecture for some in held_out_sets().values() for architecture in some]
    source = torch.Generator().manual_seed(config.train.seed + 1)
    able = draw_different(config.architectures, source, SEEN, held)
    torch.manual_seed(config.train.seed)
    refiner = untrained(config, data, [trace_architecture(architecture) for architecture in able], able[0])
    log(f"{len(able)} architectures, {sum(p.numel() for p in refiner.parameters()):,} parameters")
    if config.train.minutes:
        told = lambda step, loss, s: log(f"step {step}: {loss:.4f}, {s:.0f} s")  # noqa: E731
        train_refiner(refiner, able, data, config.train, told)
    refiner.save_pretrained(place)
    (place.parent / "command.txt").write_text(" ".join(sys.argv), encoding="utf-8")
    return refiner


def untrained(config: Config, data: Dataset, spaces: list[WeightSpace], like: Architecture) -> Refiner:
    """A refiner that keeps the training images; with the metanet of another one, if it is told so."""
    domain = {"data": {"name": data.name}, "architectures": [like.to_dict()]}
    examples, other = len(data.x_train) if config.solved else 0, None
    keeps = {
        "examples": examples, "example_shape": data.input_shape, "descents": config.descents, "batch": config.batch,
        "momentum": config.momentum,
    } if examples else {}  # fmt: skip
    if config.metanet:
        other = load_metanet(config.metanet)
        refiner = Refiner(replace(other.config, domain=domain, **keeps))
    else:
        sizes = {"width": config.width, "layers": config.layers, "passes": config.passes}
        refiner = Refiner.for_spaces(*spaces[: None if config.passes else 1], **sizes, domain=domain, **keeps)
    refiner = refiner.keep(data.x_train, data.y_train) if examples else refiner
    if other is None:
        return refiner.begin(probes(data, refiner.config.probes))
    own = refiner.state_dict()
    taken = {n: t for n, t in other.state_dict().items() if n not in ("examples", "labels") and t.shape == own[n].shape}
    refiner.load_state_dict({**own, **taken})
    return refiner.eval()


def probes(data: Dataset, count: int) -> torch.Tensor:
    """Training images, as many of each class."""
    rows = torch.cat(
        [(data.y_train == k).nonzero().flatten()[: -(-count // data.classes)] for k in range(data.classes)]
    )
    return data.x_train[rows[:count]]


def measure(
    refiner: Refiner, architecture: Architecture, data: Dataset, config: Config, whole: bool, known: dict
) -> dict:
    """What starts of one architecture are worth beside He's; what is ``known`` isn't measured again."""
    space, nets = trace_architecture(architecture), config.nets
    he = refiner.start.sample(space, nets, seed=1)
    began = time.process_time()
    ours = refiner.sample(space, nets, seed=1, condition=architecture.build() if refiner.takes_net else None)
    found = {"settings": dict(architecture.settings), "seconds_a_net": (time.process_time() - began) / nets}
    starts = {"ours": ours, "he": he}
    if refiner.metanet is not None:  # without one the two are the same nets
        starts["he_finished"] = refiner.finish(space, architecture.build(), he) if refiner.takes_net else he
    found |= {key: value for key, value in known.items() if key.startswith(("he", "lsuv")) and "he_finished" not in key}
    if "he_last_solved" not in found:
        starts["he_last_solved"] = solve_last(architecture, he, data)
    if config.lsuv and "lsuv_one_epoch" not in found:
        scaled = lsuv(architecture, nets, data, 1)
        starts["lsuv_last_solved"] = solve_last(architecture, scaled, data)
        found["lsuv_one_epoch"] = train_from(architecture, scaled, data, 1, "constant").last.tolist()
    found |= {name: accuracies(architecture, some, data)[1].tolist() for name, some in starts.items()}
    if "he_one_epoch" not in found:
        found["he_one_epoch"] = train_from(architecture, he, data, 1, "constant").last.tolist()
    if whole:
        trained = [name for name in ("he", "he_finished", "ours") if name in starts]
        for name in trained:
            if f"{name}_curve" not in found:
                one = {key: tensor[:1] for key, tensor in starts[name].items()}
                found[f"{name}_curve"] = train_from(architecture, one, data, EPOCHS, "cosine").test.tolist()
        level = 0.9 * found["he_curve"][-1]
        for name in trained:
            found[f"{name}_epochs_to_90"] = steps_to_level(found[f"{name}_curve"], level)
    return found


def summary(lines: list[dict]) -> str:
    """A few figures of one held-out set."""
    starts = [name for name in STARTS if all(name in line for line in lines)]
    means = {name: statistics.fmean(percent(line, name) for line in lines) for name in starts}
    text = ", ".join(f"{name} {value:.1f}" for name, value in means.items())
    for rival in starts[1:]:
        text += f"; ahead of {rival} on {sum(percent(x, 'ours') > percent(x, rival) for x in lines)} of {len(lines)}"
    ended, whole = ([line for line in lines if f"{name}_curve" in line] for name in ("he", "ours"))
    if ended:
        text += f"; median gap of zero-shot to He's end: {gap(ended):.1f} points on {len(ended)}"
        for norm in sorted({line["settings"]["norm"] for line in ended}):
            text += f", norm {norm} {gap([line for line in ended if line['settings']['norm'] == norm]):.1f}"
    if whole:
        text += f"; {len(whole)} trained to the end"
        trained = [name for name in ("he", "he_finished", "ours") if f"{name}_curve" in whole[0]]
        for name in trained[1:]:
            ends = [100 * (line[f"{name}_curve"][-1] - line["he_curve"][-1]) for line in whole]
            text += f", {name} {statistics.fmean(ends):+.2f} points against He"
        for name in trained:
            text += f", {name} {statistics.median(x[f'{name}_epochs_to_90'] for x in whole):.2f} epochs to 90 %"
    return text


def gap(lines: list[dict]) -> float:
    """How far the start lies behind where He's init ends, in points; the median over architectures."""
    return statistics.median(100 * line["he_curve"][-1] - percent(line, "ours") for line in lines)


def percent(line: dict, start: str) -> float:
    """Mean accuracy of the nets of a start, in %."""
    return 100 * statistics.fmean(line[start])


def log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main(config: Config) -> None:
    torch.set_num_threads(1)
    data, out, known = images(config), Path(config.out), {}
    out.mkdir(parents=True, exist_ok=True)
    for line in Path(config.known).read_text(encoding="utf-8").splitlines() if config.known else ():
        known[json.dumps(json.loads(line)["settings"])] = json.loads(line)
    refiner = learn(config, data)
    made = (out / "command.txt").read_text(encoding="utf-8")
    c = refiner.config
    said = {"data": data.name, "examples": c.examples, "descents": c.descents, "batch": c.batch, "trained_by": made}
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for (name, architectures), count, whole in zip(
            held_out_sets().items(), config.measured, config.trained_on, strict=True
        ):
            lines = []
            for number, architecture in enumerate(architectures[:count]):
                before = known.get(json.dumps(dict(architecture.settings)), {})
                lines.append(measure(refiner, architecture, data, config, number < whole, before))
                line = {"set": name, **lines[-1], **said, "command": " ".join(sys.argv)}
                file.write(json.dumps(line) + "\n")
                file.flush()
            if lines:
                log(f"{name}: {summary(lines)}")


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
