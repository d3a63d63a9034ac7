"""Searches the settings of methods on a protocol, with the same number of trials for each.

    python scripts/search_settings.py cnn --trials 12
    python scripts/search_settings.py inr-class --methods GraphMetanet ScaleGMN --trials 12
    python scripts/search_settings.py cnn --trials 12 --keep      # the tables use what was found from now on

A trial draws rate, decay, noise, width, layers and dropout; trial 0 has the settings that the protocol gives every
method. Methods learn from the training nets and trials are compared on the validation nets; the nets that the tables
judge on aren't looked at. Every trial is a line of ``zoo/results/trials/PROTOCOL-TIER.jsonl``; stopped and called
again, the search goes on. After ``--keep``, ``scripts/tables.py --stale`` lists the results to make again.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
import tyro

from weightspace.cli import one_line_errors
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.predictionjob import prediction_jobs
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.setup import keep_tuned
from weightspace.tasks.comparison.jobs.trialjob import SETTINGS, TrialJob, best_trials, goodness, trial_jobs
from weightspace.tasks.comparison.jobs.workspace import Workspace

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Config:
    """What is searched, and where."""

    protocol: tyro.conf.Positional[str]
    """One of the questions of scripts/train_predictor.py."""
    tier: str = "S"
    """At which size."""
    methods: tuple[str, ...] = ()
    """Some of weightspace.tasks.comparison.jobs.trialjob.SETTINGS; all that can take the nets if none is given."""
    trials: int = 12
    """For each method, the usual settings among them."""
    keep: bool = False
    """Write the best settings where the tables take them from."""
    workers: int = 2 if DEVICE == "cpu" else 1
    """Runs at a time; several have one thread each."""
    workspace: Annotated[Workspace, tyro.conf.arg(name="")] = field(
        default_factory=lambda: Workspace(results="zoo/results/trials", runs="runs/trials", device=DEVICE)
    )


def main(config: Config) -> None:
    """Runs the trials that have no result yet, and prints the usual and the best settings of each method."""
    if config.protocol not in PROTOCOLS:
        raise ValueError(f"The protocol must be one of {', '.join(PROTOCOLS)}; got {config.protocol!r}.")
    methods = config.methods or tuple(SETTINGS)
    able, obstacles = prediction_jobs(config.protocol, config.tier, config.workspace, methods, (0,))
    for method, why in obstacles.items():
        print(f"without {method}: {why}")
    jobs = trial_jobs(config.protocol, config.tier, [job.method for job in able], config.trials)
    for _ in run_jobs(jobs, config.workspace, config.workers, print):
        pass
    results = [found for job in jobs if (found := job.result(config.workspace))]
    best = best_trials(results)
    usual = {result.method: goodness(result) for result in results if result.seed == 0}
    chosen = {}
    print("\n| method | usual | best | trial | what it drew |\n|---|---|---|---|---|")
    for method, result in best.items():
        job = TrialJob(config.protocol, config.tier, method, result.seed)
        chosen[method] = job.drawn
        drawn = ", ".join(f"{name} {value}" for part in job.drawn.values() for name, value in part.items())
        print(f"| {method} | {usual[method]:.3f} | {goodness(result):.3f} | {result.seed} | {drawn or 'as usual'} |")
    if config.keep:
        keep_tuned(config.protocol, config.tier, chosen)


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
