"""The jobs of comparisons: one method with one seed on one question, run once, its result kept."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from weightspace.machine.side_by_side import side_by_side
from weightspace.tasks.comparison.jobs.result import Result, find_result, fingerprint_of, slug
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource


class Job(ABC):
    """One method with one seed on one question at one tier.

    A kind of job says what its configuration is and how it is run; whether it is done, where it runs and what its
    result holds is the same for all.
    """

    tier: str
    method: str
    seed: int

    @property
    @abstractmethod
    def protocol(self) -> str:
        """The question, as result files name it."""

    @property
    @abstractmethod
    def command(self) -> str:
        """The command that makes this result."""

    @property
    @abstractmethod
    def source(self) -> ZooSource:
        """The zoo that it runs on."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything that the result depends on besides zoo, method and seed."""

    @abstractmethod
    def run(self, workspace: Workspace, folder: Path, progress: bool) -> dict[str, Any]:
        """Runs it and gives the fields of its `Result` that only a run can tell; ``folder`` keeps logs and metanets."""

    @property
    def config(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return json.loads(json.dumps(self.settings()))

    @property
    def fingerprint(self) -> str:
        """What the result's fingerprint must be for it to be this job's."""
        recipes = self.source.recipes()
        return fingerprint_of(self.protocol, self.tier, self.method, self.seed, self.config, recipes)

    def result(self, workspace: Workspace) -> Result | None:
        """Its result, if one is there that was made with the same configuration on the same zoo."""
        found = find_result(workspace.results, self.protocol, self.tier, self.method, self.seed)
        return found if found is not None and found.fingerprint == self.fingerprint else None

    def is_done(self, workspace: Workspace) -> bool:
        """Whether its result is there."""
        return self.result(workspace) is not None

    def folder(self, workspace: Workspace) -> Path:
        """Where its log and metanet lie."""
        name = f"{slug(self.method)}-seed{self.seed}-{self.fingerprint[:8]}"
        return Path(workspace.runs) / f"{self.protocol}-{self.tier}" / name

    def __str__(self) -> str:
        return f"{self.protocol}-{self.tier}: {self.method}, seed {self.seed}"


def run_jobs(
    jobs: Sequence[Job], workspace: Workspace, workers: int = 1, say: Callable[[str], None] = lambda message: None
) -> Iterator[Result]:
    """Runs those jobs that aren't done, some at a time, each with one thread if there are several workers.

    Raises:
        RuntimeError: a job failed; the others are run first, and their results stay.
    """
    missing = [job for job in jobs if not job.is_done(workspace)]
    say(f"{len(jobs) - len(missing)} of {len(jobs)} results are there, {len(missing)} to make")
    threads = workspace.threads or int(workers > 1)
    one = partial(run_job, workspace=replace(workspace, threads=threads), progress=workers == 1)
    yield from side_by_side(one, missing, workers, threads, say)


def run_job(job: Job, workspace: Workspace, progress: bool = False) -> Result:
    """Runs a job, keeps its result and removes the checkpoints of its training."""
    if workspace.threads:
        torch.set_num_threads(workspace.threads)
    folder = job.folder(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    result = Result(
        protocol=job.protocol,
        tier=job.tier,
        method=job.method,
        seed=job.seed,
        config=job.config,
        recipes=job.source.recipes(),
        device=workspace.device_name,
        command=job.command,
        **job.run(workspace, folder, progress),
    )
    result.save(workspace.results)
    for checkpoint in folder.rglob("checkpoint.safetensors"):
        checkpoint.unlink()
    return result
