"""Trains metanets to predict labels of nets from their weights, and compares them with their baselines.

    python scripts/train_predictor.py cnn                           # a protocol, all methods, three seeds, tier S
    python scripts/train_predictor.py inr-class --tier M --methods SpaceNet ProbeNet --seeds 0
    python scripts/train_predictor.py tier-s                        # all protocols at tier S, two runs at a time
    python scripts/train_predictor.py zoo --zoo runs/digits-cnn --out runs/predictor --metanet StatNet

A protocol builds its zoo if it isn't there, runs what has no result yet and prints its table; results are lines of
a file, one a method and seed. Stopped and called again with the same flags, it goes on. `zoo` trains a metanet on any
zoo, for any columns of its index. Nets are split by run; parameters are picked on the validation nets.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
import tyro

from weightspace import Zoo
from weightspace.cli import one_line_errors
from weightspace.tasks.comparison.compare import BASELINES
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.predictionjob import prediction_jobs
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace
from weightspace.tasks.comparison.ownnets import train_on_zoo
from weightspace.tasks.comparison.tables.report import grouped, protocol_report
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
    """Which method is to be compared with the baselines; see weightspace.tasks.comparison.jobs.method.METHODS."""
    final: bool = False
    """Train on the last saved state of each net alone, instead of on all saved states."""
    baselines: tuple[str, ...] = BASELINES
    """Which others; none if nothing follows."""
    device: str = DEVICE
    """What trains: cpu, cuda."""
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class OnProtocol:
    """Which methods run on a protocol, and where."""

    tier: str = "S"
    """S: any machine. M: 10,000 nets. L: full size, for a GPU."""
    methods: tuple[str, ...] = ()
    """Some of weightspace.tasks.comparison.jobs.method.METHODS; all that can take the split if none is given."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the methods; the nets stay the same."""
    workers: int = 2 if DEVICE == "cpu" else 1
    """Runs at a time; several have one thread each."""
    workspace: Annotated[Workspace, tyro.conf.arg(name="")] = field(default_factory=lambda: Workspace(device=DEVICE))


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


def on_zoo(config: Annotated[OnZoo, tyro.conf.arg(name="")]) -> None:
    """Any zoo, any labels: a metanet and its baselines."""
    found = train_on_zoo(
        Zoo(config.zoo), config.labels, config.out, category=config.category, final=config.final,
        metanet=config.metanet, baselines=config.baselines, training=config.train, device=config.device, say=print,
    )  # fmt: skip
    print(found.table)


if __name__ == "__main__":
    one_line_errors(__file__)
    small = [name for name, protocol in PROTOCOLS.items() if "S" in protocol.sources]
    commands = {name: command([name], f"{protocol.question}.") for name, protocol in PROTOCOLS.items()}
    commands |= {"tier-s": command(small, "All protocols at tier S."), "zoo": on_zoo}
    tyro.extras.subcommand_cli_from_dict(commands, description=__doc__)
