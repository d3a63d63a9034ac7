"""Judges generators: how good, how new and how diverse their nets are, beside every trivial way to write weights.

    weightspace zoo build digits-cnn --out runs/digits-cnn --nets 2000
    python scripts/evaluate_generator.py --zoo runs/digits-cnn --out runs/judged
    python scripts/evaluate_generator.py --zoo runs/digits-cnn --out runs/judged --rivals --generators runs/flow

Training nets and held-out lineages of one stage (a validation accuracy of ``--least`` or more, one activation) are
taken from the zoo, the latter from its test runs; without ``--generators`` the rivals alone are measured, and with an
empty ``--rivals`` generators are added to what lies in the output folder. Writes ``results.jsonl``, a table on standard
output, ``novelty.png``, and with ``--curves 25`` how nets train on.
"""

import json
import platform
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch
import tyro
from tqdm import tqdm

import weightspace
from weightspace import Zoo
from weightspace.cli import one_line_errors
from weightspace.data import load_dataset
from weightspace.generators import Flow, Fresh, Generator, Refiner
from weightspace.tasks.generation.failures import velocity
from weightspace.tasks.generation.judge import NOVELTIES, Judge, Sampled
from weightspace.tasks.generation.novelty_picture import draw_novelty
from weightspace.tasks.generation.prompts import prompt_response
from weightspace.tasks.generation.record import judged, looked_into, mean_shares
from weightspace.tasks.generation.rivals import SWEEPS, envelope, leaders, make_rivals, room
from weightspace.tasks.generation.stage import Stage, Weights
from weightspace.tasks.generation.starting.headstart import train_from


@dataclass(frozen=True)
class Config:
    """What is judged."""

    zoo: str
    """The zoo that the generators were trained on."""
    out: str
    """Gets the results and the picture."""
    generators: tuple[str, ...] = ()
    """Folders that save_pretrained made, or names of generators that ship."""
    activation: str = "relu"
    """Of the zoo's nets, those with this one; all if empty."""
    least: float = 0.8
    """The stage: nets with this validation accuracy or more."""
    prompt: str = ""
    """What generators with prompts are asked for, like accuracy=.9; nothing if empty."""
    samples: int = 1000
    """Nets of every generator and every rival's setting, for each seed."""
    seeds: int = 3
    """Samplings of each."""
    rivals: tuple[str, ...] = tuple(SWEEPS)
    """Which trivial rivals."""
    leaders: bool = False
    """Of rivals only the two settings that are best at each novelty in the output folder, to measure them better."""
    told_steps: int = 200
    """Of training a metanet to tell generated nets from held-out trainings."""
    curves: int = 0
    """Epochs that generated, fresh and held-out nets are trained on for, each at its best optimizer and rate."""


class Table:
    """Lines of the results: written as soon as they are measured, and kept for the end."""

    def __init__(self, config: Config, judge: Judge):
        self.config, self.judge, self.out = config, judge, Path(config.out) / "results.jsonl"
        self.lines: dict[str, list[dict]] = defaultdict(list)
        for text in self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else ():
            line = json.loads(text)
            if "settings" in line:
                self.lines[named(line)].append(line)

    def add(
        self, name: str, settings: dict[str, Any], seed: int, sampled: Sampled, velocity: float | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        """One line; the ``more`` is what the caller knows of the nets."""
        c = self.config
        line = {
            "zoo": c.zoo, "least": c.least, "activation": c.activation, "generator": name, "settings": settings,
            "seed": seed, **judged(self.judge, sampled, velocity), **more, "command": " ".join(sys.argv),
            "torch": torch.__version__, "machine": platform.processor() or platform.machine(),
        }  # fmt: skip
        with self.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        text = named(line)
        self.lines[text].append(line)
        shares = " ".join(f"{line['share'][str(r)]:5.2f}" for r in NOVELTIES)
        sys.stdout.write(
            f"{text:52} {line['sizes'][0]:5.2f}-{line['sizes'][1]:5.2f} "
            f"{100 * line['accuracy']:5.1f} {line['novelty']:5.2f} {line['diversity']:5.2f} "
            f"{line['disagreement']:5.2f} {100 * line['team_of_16']:5.1f}  {shares}  "
            f"{', '.join(line['called']) or '-'}\n"
        )
        sys.stdout.flush()

    @property
    def rivals(self) -> dict[str, list[dict]]:
        """The lines of trivial rivals with the most samples, by name and settings."""
        found = {text: lines for text, lines in self.lines.items() if lines[0]["generator"] in SWEEPS}
        most = {text: max(line["samples"] for line in lines) for text, lines in found.items()}
        return {text: [x for x in lines if x["samples"] > 0.5 * most[text]] for text, lines in found.items()}

    def close(self) -> str:
        """The envelope of the rivals, over the means of their seeds; says whether they leave room."""
        best = {
            key: envelope({text: mean_shares(lines, key) for text, lines in self.rivals.items()})
            for key in ("share", "share_by_answers")
        }
        said = room(self.judge, best["share"])
        with self.out.open("a", encoding="utf-8") as file:
            line = {"zoo": self.config.zoo, "generator": "envelope of the rivals", "room": said}
            line |= {key: {str(r): value for r, value in found.items()} for key, found in best.items()}
            file.write(json.dumps({**line, "command": " ".join(sys.argv)}) + "\n")
        sys.stdout.write(f"{'envelope of the rivals':82}  {' '.join(f'{v:5.2f}' for v in best['share'].values())}\n")
        sys.stdout.write(said + "\n")
        return said


def named(line: dict) -> str:
    """Name and settings in one text."""
    settings = ", ".join(f"{key} {value}" for key, value in line["settings"].items())
    return line["generator"] + (" {" + settings + "}" if settings else "")


def train_on(config: Config, starts: dict[str, Weights]) -> dict[str, list[float]]:
    """Mean test accuracy before training and after every epoch, from 8 nets of each start."""
    zoo = Zoo(config.zoo)
    data, found = load_dataset(**zoo.recipe.data), {}
    for name, weights in starts.items():
        some = {key: tensor[:8] for key, tensor in weights.items()}
        found[name] = train_from(zoo.architecture, some, data, config.curves, "cosine").test.tolist()
    return found


def measure_rivals(config: Config, table: Table) -> None:
    """Every trivial rival with every setting and seed."""
    judge = table.judge
    wanted = leaders({text: mean_shares(lines) for text, lines in table.rivals.items()})
    for name, settings, rival in tqdm(make_rivals(judge.stage, config.rivals), unit="rival", disable=None):
        if config.leaders and named({"generator": name, "settings": settings}) not in wanted:
            continue
        for seed in range(config.seeds):
            table.add(name, settings, seed, judge.measure(rival.sample(judge.stage.space, config.samples, seed=seed)))


def measure_generator(config: Config, table: Table, name: str, generator: Generator) -> tuple[Sampled, Weights]:
    """One generator with all seeds; beside one that finishes its nets on examples He's init, finished alike."""
    judge, first, space = table.judge, [], table.judge.stage.space
    net = judge.stage.module if generator.takes_net else None
    prompt = {config.prompt.split("=")[0]: float(config.prompt.split("=")[1])} if config.prompt else {}
    for seed in range(config.seeds):
        began = time.process_time()
        drawn = generator.sample(space, config.samples, prompt=prompt, condition=net, seed=seed)
        seconds = (time.process_time() - began) / config.samples
        asked = generator.config.prompts[:1]
        follow = {n: asdict(prompt_response(judge.stage, generator, n, config.samples, seed)) for n in asked}
        more = looked_into(judge.stage, drawn, seed, config.told_steps) if not seed else {}
        first.append((judge.measure(drawn), drawn))
        stage = judge.stage
        fast = velocity(generator, net, stage.seen, stage.starts) if isinstance(generator, Flow) else None
        table.add(name, prompt, seed, first[-1][0], fast, response=follow, seconds_a_net=seconds, **more)
        if isinstance(generator, Refiner) and generator.takes_net:
            plain = generator.start.sample(space, config.samples, seed=seed)
            table.add(f"He, finished as {name}", {}, seed, judge.measure(generator.finish(space, net, plain)))
    return first[0]


def main(config: Config) -> None:
    torch.set_num_threads(1)
    matplotlib.use("agg")
    out, zoo = Path(config.out), Zoo(config.zoo)
    out.mkdir(parents=True, exist_ok=True)
    judge = Judge(Stage.from_zoo(zoo.filter(activation=config.activation) if config.activation else zoo, config.least))
    stage, table = judge.stage, Table(config, judge)
    sys.stdout.write(
        f"{len(stage.accuracy)} training nets, {len(judge.held.accuracy)} held out; good: {judge.alpha:.3f}, median "
        f"{float(judge.held.accuracy.median()):.3f}\n{'':52} {'sizes':>11} {'acc':>5} {'new':>5} {'far':>5} "
        f"{'other':>5} {'team':>5}  share good and new at {NOVELTIES}\n"
    )
    if "held-out trainings" not in table.lines:
        table.add("held-out trainings", {}, 0, judge.held)
    measure_rivals(config, table)
    generators: dict[str, Sampled] = {}
    starts: dict[str, Weights] = {"He": Fresh.for_spaces(stage.space).sample(stage.space, 8, seed=0)}
    starts["held-out trainings"] = stage.held
    for path in config.generators:
        name = Path(path).name
        generator = weightspace.load_metanet(path)
        generators[name], starts[name] = measure_generator(config, table, name, generator)
    said = table.close() if table.rivals else ""
    if config.curves:
        (out / "curves.json").write_text(json.dumps(train_on(config, starts), indent=1), encoding="utf-8")
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for lines in table.rivals.values():
        points[lines[0]["generator"]].append((lines[0]["novelty"], lines[0]["accuracy"]))
    draw_novelty(out / "novelty.png", judge, points, generators, said)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
