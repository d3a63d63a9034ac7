"""Where the runs of comparisons lie and what computes: zoos, result files, and running the jobs that are missing."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import torch

from weightspace.machine.side_by_side import side_by_side
from weightspace.tasks.comparison.result import Result, result_path, slug
from weightspace.zoo import Recipe, Zoo, build_zoo


@dataclass(frozen=True)
class Place:
    """Where things lie and what computes."""

    zoos: str = "runs/zoos"
    """Folder of zoos, each under its recipe's name; one that isn't there is built."""
    results: str = "scripts/results"
    """Folder of result files."""
    runs: str = "runs/protocols"
    """Folder of logs and trained metanets."""
    device: str = "cpu"
    """What trains."""
    threads: int = 0
    """Threads of one run; 0 leaves them as they are."""


@runtime_checkable
class AnyJob(Protocol):
    """One method with one seed on one question."""

    @property
    def protocol(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def seed(self) -> int: ...


Job = TypeVar("Job", bound=AnyJob)


def title_of(job: AnyJob) -> str:
    """A job in words."""
    return f"{job.protocol}-{job.tier}: {job.method}, seed {job.seed}"


def run_missing(
    work: Callable[..., Path],
    is_done: Callable[[Job, Place], bool],
    jobs: Sequence[Job],
    place: Place,
    workers: int = 1,
    say: Callable[[str], None] = lambda message: None,
) -> Iterator[Path]:
    """Runs those jobs that aren't done, some at a time, each with one thread if there are several workers.

    Args:
        work: called as ``work(job, place=..., progress=...)``, writes a result and gives its path.

    Raises:
        RuntimeError: a job failed; the others are run first, and their results stay.
    """
    missing = [job for job in jobs if not is_done(job, place)]
    say(f"{len(jobs) - len(missing)} of {len(jobs)} results are there, {len(missing)} to make")
    threads = place.threads or int(workers > 1)
    one = partial(work, place=replace(place, threads=threads), progress=workers == 1)
    yield from side_by_side(one, missing, workers, threads, say)


def is_saved(job: AnyJob, place: Place, fingerprint: str) -> bool:
    """Whether the result file of a job is there, with this fingerprint."""
    path = result_path(place.results, job.protocol, job.tier, job.method, job.seed)
    return path.exists() and Result.load(path).fingerprint == fingerprint


def run_folder(job: AnyJob, place: Place, fingerprint: str) -> Path:
    """Where a job's log and metanet lie."""
    name = f"{slug(job.method)}-seed{job.seed}-{fingerprint[:8]}"
    return Path(place.runs) / f"{job.protocol}-{job.tier}" / name


def find_zoo(name: str, nets: int | None, place: Place) -> Zoo:
    """The zoo of a recipe of the gallery, or its first ``nets``; built if it isn't there."""
    recipe = Recipe.load(name)
    part = nets if nets and nets != recipe.nets else None
    folders = [Path(place.zoos) / f"{recipe.name}-{part}", Path(place.zoos) / recipe.name]
    for folder in folders:
        if (folder / "manifest.json").exists():
            zoo = Zoo(folder)
            if zoo.recipe.hash == recipe.hash and zoo.manifest["nets"] == (part or recipe.nets):
                return zoo
    return build_zoo(recipe, folders[0] if part else folders[1], nets=part)


def device_name(device: str) -> str:
    """What computes, as a person would say it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    return f"{os.cpu_count()} CPU cores" + (f", {names[0]}" if names else "")
