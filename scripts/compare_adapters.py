"""Compares ways of reading low-rank adapters: what they were trained on, how well, poisoned or not, will two merge.

    python scripts/compare_adapters.py                                   # all methods, three seeds
    python scripts/compare_adapters.py --methods "trigger search" --seeds 0

An adapter is a small change of a trained net, the product of two thin matrices beside each of its own. It is poisoned
if it answers with a class of an attacker's choice once a mark, the trigger, is in the input. Whether that shows is also
asked of triggers, ranks and kinds of adapters that a method has never seen. The zoo is built if it isn't there; what
has no result yet is run, and the table printed. Stopped and called again with the same flags, it goes on.
"""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from weightspace.cli import one_line_errors
from weightspace.tasks.comparison.jobs.adapterjob import PROTOCOL, adapter_jobs
from weightspace.tasks.comparison.jobs.job import run_jobs
from weightspace.tasks.comparison.jobs.result import read_results
from weightspace.tasks.comparison.jobs.workspace import Workspace
from weightspace.tasks.comparison.tables.report import grouped, protocol_report


@dataclass(frozen=True)
class Config:
    """What is compared, and where."""

    tier: str = "S"
    """S: 3,456 adapters of a perceptron on 8x8 digits."""
    methods: tuple[str, ...] = ()
    """Some of weightspace.tasks.adapters.methods.ADAPTER_METHODS; all if none is given."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the methods; the adapters stay the same."""
    workers: int = 2
    """Runs at a time; several have one thread each."""
    workspace: Annotated[Workspace, tyro.conf.arg(name="")] = field(default_factory=Workspace)


def main(config: Config) -> None:
    """Runs what is missing, then prints the table."""
    jobs = adapter_jobs(config.tier, config.methods, config.seeds)
    for _ in run_jobs(jobs, config.workspace, config.workers, print):
        pass
    key = PROTOCOL, config.tier
    print("\n" + protocol_report(*key, grouped(read_results(config.workspace.results))[key]))


if __name__ == "__main__":
    one_line_errors(__file__)
    main(tyro.cli(Config, description=__doc__))
