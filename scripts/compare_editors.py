"""Compares ways of editing implicit representations: metanets that read weights, gradients or both, and fitting on.

    python scripts/compare_editors.py                       # dilation, all methods, three seeds, tier S
    python scripts/compare_editors.py --edit blur:sigma=0.7 --seeds 0
    python scripts/compare_editors.py --edit contrast --signals colour
    python scripts/compare_editors.py --edit smooth         # signed distance fields; so do inflate and blend
    python scripts/compare_editors.py --tier M --methods "SpaceNet, weights"

The zoo of the tier is built if it isn't there; what has no result file yet is run, and the table printed. Results are
lines of a file, one a method and seed; metanets, logs and walls of pictures (before, target, after) stay below `runs`.
Stopped and called again with the same flags, it goes on. Nets are split by run; parameters are picked on the validation
nets.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
import tyro

from weightspace.cli import one_line_errors
from weightspace.tasks.comparison.jobs.editjob import edit_jobs
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace
from weightspace.tasks.comparison.tables.report import grouped, protocol_report

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Config:
    """What is compared, and where."""

    tier: str = "S"
    """S: 1,797 small SIRENs of 8x8 digits, or 800 of solids. M: 10,000 of MNIST or CIFAR-10. L: 70,000, for a GPU."""
    edit: str = "dilate"
    """One of weightspace.inr.edits.EDITS, or several in a row: a+b."""
    signals: str = ""
    """What the nets show: grey, colour (images) or solids; solids for edits of fields, else grey, if empty."""
    methods: tuple[str, ...] = ()
    """Some of weightspace.tasks.comparison.jobs.editmethod.EDIT_METHODS and editjob.PLAIN; all if none is given."""
    seeds: tuple[int, ...] = ()
    """Of the methods; those of the tier if none is given."""
    workers: int = 2 if DEVICE == "cpu" else 1
    """Runs at a time; several have one thread each."""
    workspace: Annotated[Workspace, tyro.conf.arg(name="")] = field(default_factory=lambda: Workspace(device=DEVICE))


def main(config: Config) -> None:
    """Runs what is missing, then prints the table."""
    jobs = edit_jobs(config.edit, config.tier, config.methods, config.seeds, config.signals)
    for _ in run_jobs(jobs, config.workspace, config.workers, print):
        pass
    key = jobs[0].protocol, config.tier
    print("\n" + protocol_report(*key, grouped(read_results(config.workspace.results))[key]))


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
