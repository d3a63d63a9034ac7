"""Results that were made with another configuration or on another zoo than the code has now, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from weightspace.tasks.adapters.methods import ADAPTER_METHODS
from weightspace.tasks.comparison.jobs.adapterjob import PROTOCOL, SOURCES, AdapterJob
from weightspace.tasks.comparison.jobs.editjob import PLAIN, EditJob, signals_of
from weightspace.tasks.comparison.jobs.editmethod import EDIT_METHODS, EDIT_TIERS
from weightspace.tasks.comparison.jobs.job import Job
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.predictionjob import PredictionJob
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.result import Result
from weightspace.tasks.comparison.tables.report import STALE


def job_of(result: Result) -> Job | None:
    """The job that would make this result today; None if there is no such method, protocol or tier any more."""
    if result.protocol in PROTOCOLS:
        known = result.method in METHODS and result.tier in PROTOCOLS[result.protocol].sources
        return PredictionJob(result.protocol, result.tier, result.method, result.seed) if known else None
    if result.protocol == PROTOCOL:
        known = result.method in ADAPTER_METHODS and result.tier in SOURCES
        return AdapterJob(result.tier, result.method, result.seed) if known else None
    signals = signals_of(result.protocol)
    if not result.protocol.startswith("edit-") or result.tier not in EDIT_TIERS[signals] or len(result.scores) != 1:
        return None
    known = result.method in PLAIN or result.method in EDIT_METHODS
    return EditJob(next(iter(result.scores)), result.tier, result.method, result.seed, signals) if known else None


def staleness(result: Result) -> str:
    """Why a result isn't what its job would give today: what it was made with and what that is now; empty if it is."""
    job = job_of(result)
    if job is None:
        return "there is no such job any more"
    if result.fingerprint == job.fingerprint:
        return ""
    then = dict(_leaves({"config": result.config, "recipes": result.recipes}))
    now = dict(_leaves({"config": job.config, "recipes": job.source.recipes()}))
    changed = [key for key in dict.fromkeys([*then, *now]) if then.get(key) != now.get(key)]
    return "; ".join(f"{key} was {then.get(key, 'unset')}, is {now.get(key, 'unset')}" for key in changed)


def stale_report(results: Iterable[Result]) -> str:
    """A line for each result that is out of date, and the commands that make them again."""
    found = [(result, why) for result in results if (why := staleness(result))]
    lines = [f"{r.protocol}-{r.tier}: {r.method}, seed {r.seed}: {why}" for r, why in found]
    commands = [job.command for job in _in_turn(result for result, _ in found)]
    if not lines:
        return "All results are up to date.\n"
    count = "1 result is" if len(lines) == 1 else f"{len(lines)} results are"
    all_at_once = ["", "One after the other, and the tables after them: python scripts/tables.py --again"]
    return "\n".join([f"{count} out of date:", *lines, "", *commands, *(all_at_once if commands else ())]) + "\n"


def stale_jobs(results: Iterable[Result]) -> list[Job]:
    """The jobs whose results are out of date, every question once before any again."""
    return _in_turn(result for result in results if staleness(result))


def _in_turn(results: Iterable[Result]) -> list[Job]:
    return sorted((job for result in results if (job := job_of(result)) is not None), key=lambda job: job.seed)


def mark_stale(results: Iterable[Result]) -> list[Result]:
    """The results, with `STALE` behind the method's name where its job would give another one today."""
    found = []
    for result in results:
        old = job_of(result) is not None and staleness(result)
        found.append(replace(result, method=result.method + STALE) if old else result)
    return found


def _leaves(value: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}".lstrip("."))
    else:
        yield name, value
