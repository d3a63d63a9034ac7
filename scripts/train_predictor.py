"""Trains metanets to predict labels of nets from their weights, and compares them with their baselines.

    python scripts/train_predictor.py cnn                           # a protocol, all methods, three seeds, tier S
    python scripts/train_predictor.py inr-class --tier M --methods SpaceNet ProbeNet --seeds 0
    python scripts/train_predictor.py tier-s                        # all protocols at tier S, two runs at a time
    python scripts/train_predictor.py zoo --zoo runs/digits-cnn --out runs/predictor --metanet StatNet

A protocol builds its zoo if it isn't there, runs what has no result yet and prints its table; results are JSON files,
one a method and seed. Stopped and called again with the same flags, it goes on. `zoo` trains a metanet on any zoo, for
any columns of its index. Nets are split by run; parameters are picked on the validation nets.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
import tyro

from weightspace import Zoo
from weightspace.tasks.comparison.job import run_jobs
from weightspace.tasks.comparison.method import METHODS
from weightspace.tasks.comparison.predictionjob import judge, prediction_jobs
from weightspace.tasks.comparison.protocol import PROTOCOLS
from weightspace.tasks.comparison.report import grouped, protocol_report, scores_table
from weightspace.tasks.comparison.result import read_results, slug
from weightspace.tasks.comparison.workspace import Workspace
from weightspace.tasks.labelled.domain import domain_of
from weightspace.tasks.labelled.labellednets import LabelledNets, classes_of
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun
from weightspace.tasks.training.train import TrainConfig

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class OnZoo:
    """What is trained on what."""

    zoo: str
    """The folder of a zoo."""
    out: str
    """Gets the metanets, the table and the logs."""
    labels: tuple[str, ...] = ("test_accuracy", "gap")
    """Columns of the zoo's index: measures, or what the nets were trained with."""
    category: bool = False
    """The (one) label is a class: what an INR shows, an optimizer, a dataset."""
    metanet: str = "SpaceNet"
    """Which method is to be compared with the baselines; see weightspace.tasks.comparison.method.METHODS."""
    final: bool = False
    """Train on the last saved state of each net alone, instead of on all saved states."""
    baselines: tuple[str, ...] = ("FlatMLP", "boosting on statistics", "boosting on hyperparameters")
    """Which others."""
    device: str = DEVICE
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class OnProtocol:
    """Which methods run on a protocol, and where."""

    tier: str = "S"
    """S: any machine. M: 10,000 nets. L: full size, for a GPU."""
    methods: tuple[str, ...] = ()
    """Some of weightspace.tasks.comparison.method.METHODS; all that can take the split if none is given."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the methods; the nets stay the same."""
    workers: int = 2 if DEVICE == "cpu" else 1
    """Runs at a time; several have one thread each."""
    workspace: Annotated[Workspace, tyro.conf.arg(name="")] = field(default_factory=lambda: Workspace(device=DEVICE))


def on_zoo(config: OnZoo) -> None:
    """One metanet and its baselines on one zoo."""
    zoo = Zoo(config.zoo)
    last = zoo.final()
    classes = classes_of(zoo, config.labels[0]) if config.category else ()
    shown = {"train": last if config.final else zoo, "val": last, "test": last}
    parts = {name: LabelledNets.from_zoo(part.split(name), config.labels, classes) for name, part in shown.items()}
    split = LabelledSplit(parts, domain=domain_of(zoo))
    print(", ".join(f"{name} {len(nets)}" for name, nets in parts.items()), "nets")
    scores = {}
    for name in (config.metanet, *config.baselines):
        if obstacle := METHODS[name].obstacle(split):
            print(f"without {name}: {obstacle}")
            continue
        print(name)
        run = MethodRun(
            config.train, Path(config.out) / slug(name), METHODS[name].settings("S"), config.device, progress=True
        )
        scores[name] = judge(split, METHODS[name].run(split, run))[0]
    table = scores_table(scores)
    (Path(config.out) / "table.md").write_text(table, encoding="utf-8")
    print(table)


def on_protocols(names: list[str], config: OnProtocol) -> None:
    """All methods on some protocols."""
    jobs = []
    for name in names:
        found, obstacles = prediction_jobs(name, config.tier, config.workspace, config.methods, config.seeds)
        jobs += found
        for method, why in obstacles.items():
            print(f"{name}-{config.tier} without {method}: {why}")
    jobs.sort(key=lambda job: job.seed)  # every question once before any again
    for _ in run_jobs(jobs, config.workspace, config.workers, print):
        pass
    groups = grouped(read_results(config.workspace.results))
    for name in names:
        print("\n" + protocol_report(name, config.tier, groups.get((name, config.tier), [])))


def command(names: list[str], help_text: str):
    """The subcommand that runs some protocols."""

    def run(config: Annotated[OnProtocol, tyro.conf.arg(name="")]) -> None:
        on_protocols(names, config)

    run.__doc__ = help_text
    return run


def train_on_zoo(config: Annotated[OnZoo, tyro.conf.arg(name="")]) -> None:
    """Any zoo, any labels: a metanet and its baselines."""
    on_zoo(config)


if __name__ == "__main__":
    small = [name for name, protocol in PROTOCOLS.items() if "S" in protocol.sources]
    commands = {name: command([name], f"{protocol.question}.") for name, protocol in PROTOCOLS.items()}
    commands |= {"tier-s": command(small, "All protocols at tier S."), "zoo": train_on_zoo}
    tyro.extras.subcommand_cli_from_dict(commands, description=__doc__)
