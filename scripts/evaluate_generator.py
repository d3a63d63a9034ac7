"""Judges generators: how good, how new and how diverse their nets are, beside every trivial way to write weights.

    weightspace zoo build digits-cnn --out runs/digits-cnn --nets 2000
    python scripts/evaluate_generator.py --zoo runs/digits-cnn --out runs/judged
    python scripts/evaluate_generator.py --zoo runs/digits-cnn --out runs/judged --generators runs/flow

Training nets and held-out lineages of one stage (a validation accuracy of ``--least`` or more, one activation) are
taken from the zoo, the latter from its test runs; without ``--generators`` the rivals alone are measured. Writes
``results.jsonl``, a table on standard output, ``novelty.png``, and with ``--curves 25`` how nets train on.
"""

import json
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch
import tyro
from tqdm import tqdm

from weightspace import Zoo
from weightspace.cli import one_line_errors
from weightspace.data import load_dataset
from weightspace.generators import Fresh, load_generator
from weightspace.tasks.generation.discriminator import told_apart
from weightspace.tasks.generation.headstart import train_from
from weightspace.tasks.generation.judge import NOVELTIES, Judge, Sampled
from weightspace.tasks.generation.novelty_picture import draw_novelty
from weightspace.tasks.generation.prompts import prompt_response
from weightspace.tasks.generation.rivals import SWEEPS, envelope, make_rivals
from weightspace.tasks.generation.stage import Stage, Weights
from weightspace.tasks.generation.verdict import verdict


@dataclass(frozen=True)
class Config:
    """What is judged."""

    zoo: str
    """The zoo that the generators were trained on."""
    out: str
    """Gets the results and the picture."""
    generators: tuple[str, ...] = ()
    """Folders that save_pretrained made."""
    activation: str = "relu"
    """Of the zoo's nets, those with this one."""
    least: float = 0.8
    """The stage: nets with this validation accuracy or more."""
    prompt: str = ""
    """What generators with prompts are asked for, like accuracy=.9; nothing if empty."""
    samples: int = 100
    """Nets of every generator and every rival's setting."""
    seeds: int = 1
    """Samplings of every generator; rivals are sampled once."""
    rivals: tuple[str, ...] = tuple(SWEEPS)
    """Which trivial rivals."""
    told_steps: int = 200
    """Of training a metanet to tell generated nets from held-out trainings."""
    curves: int = 0
    """Epochs that generated, fresh and held-out nets are trained on for, each at its best optimizer and rate."""


def record(
    config: Config,
    judge: Judge,
    name: str,
    settings: dict[str, Any],
    seed: int,
    sampled: Sampled,
    drawn: Weights | None = None,
    response: dict[str, float] | None = None,
) -> dict:
    """One line of the results; ``drawn`` are the nets, where a metanet shall try to tell them from trainings."""
    found = verdict(judge, sampled)
    return {
        "zoo": config.zoo, "least": config.least, "activation": config.activation, "generator": name,
        "settings": settings, "seed": seed, "samples": len(sampled.accuracy), "finite": sampled.finite,
        "accuracy": float(sampled.accuracy.mean()), "best": float(sampled.accuracy.max()),
        "spread": float(sampled.accuracy.std()), "alpha": judge.alpha,
        "share": {str(r): v for r, v in judge.shares(sampled).items()},
        "interval": {str(r): v for r, v in judge.spread(sampled).items()},
        "share_by_answers": {str(r): v for r, v in judge.shares(sampled, functions=True).items()},
        "apart_from_trainings": told_apart(judge.stage, drawn, seed, config.told_steps) if drawn else None,
        "accuracy_norms_measured_again": again(judge.stage, drawn) if drawn else None, "response": response,
        "team_of_16": sampled.team, "twins": sampled.twins, **asdict(found), "command": " ".join(sys.argv),
        "torch": torch.__version__, "machine": platform.processor() or platform.machine(),
    }  # fmt: skip


def again(stage: Stage, drawn: Weights) -> float:
    """Mean accuracy with the statistics of norms measured again."""
    return float(stage.correct(stage.logits(stage.measured_again(drawn))).mean())


def train_on(config: Config, stage: Stage, starts: dict[str, Weights]) -> dict[str, list[float]]:
    """Mean test accuracy before training and after every epoch, from 8 nets of each start."""
    zoo = Zoo(config.zoo)
    data, found = load_dataset(**zoo.recipe.data), {}
    for name, weights in starts.items():
        some = {key: tensor[:8] for key, tensor in weights.items()}
        found[name] = train_from(zoo.architecture, some, data, config.curves, "cosine").test.tolist()
    return found


def keep(line: dict, out: Path) -> None:
    """Adds a line to the results as soon as it is measured, and prints it."""
    with (out / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    shares = " ".join(f"{line['share'][str(r)]:5.2f}" for r in NOVELTIES)
    settings = ", ".join(f"{key} {value}" for key, value in line["settings"].items())
    sys.stdout.write(
        f"{line['generator'] + (' {' + settings + '}' if settings else ''):52} {100 * line['accuracy']:5.1f} "
        f"{line['novelty']:5.2f} {line['diversity']:5.2f} {line['disagreement']:5.2f}  {shares}  "
        f"{', '.join(line['called']) or '-'}\n"
    )
    sys.stdout.flush()


def main(config: Config) -> None:
    torch.set_num_threads(1)
    matplotlib.use("agg")
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    stage = Stage.from_zoo(Zoo(config.zoo).filter(activation=config.activation), config.least)
    judge = Judge(stage)
    sys.stdout.write(
        f"{len(stage.accuracy)} training nets, {len(judge.held.accuracy)} held out; good: {judge.alpha:.3f}\n"
    )
    sys.stdout.write(f"{'':52} {'acc':>5} {'new':>5} {'far':>5} {'other':>5}  share good and new at {NOVELTIES}\n")
    keep(record(config, judge, "held-out trainings", {}, 0, judge.held), out)
    rivals, generators, shares = {}, {}, {}
    for name, settings, rival in tqdm(make_rivals(stage, config.rivals), unit="rival", disable=None):
        sampled = judge.measure(rival.sample(stage.space, config.samples, seed=0))
        rivals[f"{name} {settings}"], shares[f"{name} {settings}"] = sampled, judge.shares(sampled)
        keep(record(config, judge, name, settings, 0, sampled), out)
    prompt = {config.prompt.split("=")[0]: float(config.prompt.split("=")[1])} if config.prompt else {}
    starts = {"He": Fresh.for_spaces(stage.space).sample(stage.space, 8, seed=0), "held-out trainings": stage.held}
    for path in config.generators:
        generator = load_generator(path)
        net = judge.stage.module if generator.takes_net else None
        for seed in range(config.seeds):
            drawn = generator.sample(stage.space, config.samples, prompt=prompt, condition=net, seed=seed)
            name = Path(path).name
            generators[name], starts[name] = judge.measure(drawn), drawn
            asked = generator.config.prompts[:1]
            follow = {n: asdict(prompt_response(stage, generator, n, config.samples, seed)) for n in asked}
            keep(record(config, judge, name, prompt, seed, generators[name], drawn, follow), out)
    if shares:
        best = " ".join(f"{value:5.2f}" for value in envelope(shares).values())
        sys.stdout.write(f"{'envelope of the rivals':76}  {best}\n")
    if config.curves:
        curves = train_on(config, stage, starts)
        (out / "curves.json").write_text(json.dumps(curves, indent=1), encoding="utf-8")
    draw_novelty(out / "novelty.png", judge, rivals, generators)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config))
