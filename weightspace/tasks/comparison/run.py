"""Runs methods on protocols, a result file for each method and seed; what is there already isn't run again."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weightspace.suggest import suggestion
from weightspace.tasks.comparison.methods import METHODS
from weightspace.tasks.comparison.protocols import PROTOCOLS
from weightspace.tasks.comparison.result import Result, fingerprint_of
from weightspace.tasks.comparison.workspace import (
    Place,
    device_name,
    find_zoo,
    is_saved,
    run_folder,
    run_missing,
    title_of,
)
from weightspace.tasks.labelled.problem import Outcome, Problem, Run
from weightspace.tasks.prediction.metrics import calibration, class_score, score
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo import Zoo


@dataclass(frozen=True)
class Job:
    """One method with one seed on one protocol."""

    protocol: str
    tier: str
    method: str
    seed: int

    @property
    def command(self) -> str:
        """The command that makes this result."""
        return (
            f"python scripts/train_predictor.py {self.protocol} --tier {self.tier} --methods {json.dumps(self.method)} "
            f"--seeds {self.seed}"
        )

    def __str__(self) -> str:
        return title_of(self)


def zoo_of(protocol: str, tier: str, place: Place) -> Zoo:
    """The zoo of a protocol, built if it isn't there.

    Raises:
        ValueError: the protocol hasn't got that tier.
    """
    sources = PROTOCOLS[protocol].sources
    if tier not in sources:
        raise ValueError(f"The protocol {protocol} has the tiers {', '.join(sources)}, got {tier!r}.")
    return find_zoo(sources[tier].recipe, sources[tier].nets, place)


@lru_cache(maxsize=2)
def problem_of(protocol: str, tier: str, place: Place) -> Problem:
    """The problem of a protocol; the last two are kept."""
    return PROTOCOLS[protocol].prepare(zoo_of(protocol, tier, place))


def settings_of(job: Job) -> tuple[TrainConfig, dict[str, Any]]:
    """How the method of a job is trained, and its own settings."""
    protocol, method = PROTOCOLS[job.protocol], METHODS[job.method]
    training = replace(protocol.training[job.tier], seed=job.seed)
    if job.tier == "S" and job.method in protocol.steps:
        training = replace(training, steps=protocol.steps[job.method])
    return training, method.settings(job.tier) | dict(protocol.settings.get(job.method, {}))


def jobs_of(
    protocol: str, tier: str, place: Place, methods: Sequence[str] = (), seeds: Sequence[int] = (0, 1, 2)
) -> tuple[list[Job], dict[str, str]]:
    """The jobs of a protocol, seed by seed, and why the other methods can't take it.

    Args:
        methods: some of `METHODS`; all that can take the problem if empty.

    Raises:
        ValueError: an unknown method; lists the known ones.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ValueError(
            f"Unknown methods {', '.join(unknown)}; known are {', '.join(METHODS)}{suggestion(unknown[0], METHODS)}."
        )
    problem = problem_of(protocol, tier, place)
    obstacles = {name: METHODS[name].obstacle(problem) for name in methods or METHODS}
    able = [name for name, obstacle in obstacles.items() if not obstacle]
    jobs = [
        Job(protocol, tier, name, seed)
        for number, seed in enumerate(seeds)
        for name in able
        if METHODS[name].seeded or number == 0
    ]
    return jobs, {name: obstacle for name, obstacle in obstacles.items() if obstacle}


def is_done(job: Job, place: Place) -> bool:
    """Whether the result file is there, made with the same configuration on the same zoo."""
    return is_saved(job, place, _fingerprint(job, place))


def run_job(job: Job, place: Place, progress: bool = False) -> Path:
    """Runs a job and writes its result."""
    if place.threads:
        torch.set_num_threads(place.threads)
    problem = problem_of(job.protocol, job.tier, place)
    training, settings = settings_of(job)
    folder = run_folder(job, place, _fingerprint(job, place))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    run = Run(training, folder, settings, place.device, progress, PROTOCOLS[job.protocol].augmentation)
    outcome = METHODS[job.method].run(problem, run)
    seconds = round(time.perf_counter() - began, 1)
    scores, details = judge(problem, outcome)
    result = Result(
        protocol=job.protocol,
        tier=job.tier,
        method=job.method,
        reads=METHODS[job.method].reads,
        seed=job.seed,
        scores=scores,
        config=_config(job),
        recipes=problem.recipes,
        nets={name: len(nets) for name, nets in problem.parts.items()},
        seconds=seconds,
        parameters=outcome.parameters,
        device=device_name(place.device),
        command=job.command,
        details=details,
    )
    for checkpoint in folder.rglob("checkpoint.safetensors"):
        checkpoint.unlink()
    return result.save(place.results)


def run_jobs(
    jobs: Sequence[Job], place: Place, workers: int = 1, say: Callable[[str], None] = lambda message: None
) -> Iterator[Path]:
    """Runs those jobs that aren't done; see `run_missing`."""
    return run_missing(run_job, is_done, jobs, place, workers, say)


def judge(problem: Problem, outcome: Outcome) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Scores of every judged part and label, and their calibration."""
    scores, bins = {}, {}
    several = len(problem.judged) > 1
    for part, nets in problem.judged.items():
        predicted = outcome.predictions[part]
        if nets.classes:
            true = nets.labels[:, 0].long()
            column = f"{part}: {nets.names[0]}" if several else nets.names[0]
            scores[column] = class_score(predicted, true).to_dict()
            bins[column] = _confidence(predicted, true)
            continue
        for number, name in enumerate(nets.names):
            column = f"{part}: {name}" if several else name
            scores[column] = score(predicted[:, number], nets.labels[:, number]).to_dict()
            bins[column] = calibration(predicted[:, number], nets.labels[:, number])
    return scores, {"calibration": bins}


def _confidence(logs: Tensor, true: Tensor) -> dict[str, list[float]]:
    best = logs.max(1)
    return calibration(best.values.exp(), (best.indices == true).float())


_ALWAYS = ("steps", "batch_size", "learning_rate", "weight_decay", "warmup", "clip", "average", "judge_every", "seed")
"""Other fields of the training are part of a result only where they aren't as usual."""


def _config(job: Job) -> dict[str, Any]:
    training, settings = settings_of(job)
    usual = asdict(TrainConfig())
    told = {name: value for name, value in asdict(training).items() if name in _ALWAYS or value != usual[name]}
    content = {"training": told, "settings": settings}
    augmentation = PROTOCOLS[job.protocol].augmentation
    if augmentation:
        content["augmentation"] = {name: value for name, value in asdict(augmentation).items() if value}
    return json.loads(json.dumps(content))


def _fingerprint(job: Job, place: Place) -> str:
    recipes = problem_of(job.protocol, job.tier, place).recipes
    return fingerprint_of(job.protocol, job.tier, job.method, job.seed, _config(job), recipes)
