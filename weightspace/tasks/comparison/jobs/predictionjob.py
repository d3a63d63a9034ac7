"""Jobs that predict labels: every method of `METHODS` on every protocol of `PROTOCOLS`."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from weightspace.tasks.comparison.jobs.job import Job
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.setup import Setup, tuned_setup
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.prediction.methodrun import MethodRun, Predictions
from weightspace.tasks.prediction.metrics import calibration, class_score, score


@dataclass(frozen=True)
class QuestionJob(Job):
    """One method with one seed on one protocol of `PROTOCOLS`."""

    question: str
    tier: str
    method: str
    seed: int

    @property
    def protocol(self) -> str:
        return self.question

    @property
    def source(self) -> ZooSource:
        sources = PROTOCOLS[self.question].sources
        if self.tier not in sources:
            raise ValueError(f"tier must be one of {', '.join(sources)} for {self.question}, got {self.tier!r}.")
        return sources[self.tier]


@dataclass(frozen=True)
class PredictionJob(QuestionJob):
    """A cell of the tables, before averaging over seeds."""

    @property
    def command(self) -> str:
        return (
            f"python scripts/train_predictor.py {self.question} --tier {self.tier} --methods "
            f"{json.dumps(self.method)} --seeds {self.seed}"
        )

    @property
    def setup(self) -> Setup:
        """How the method is run."""
        return tuned_setup(self.question, self.tier, self.method, self.seed)

    def settings(self) -> dict[str, Any]:
        return self.setup.content(self.method)

    def run(self, workspace: Workspace, folder: Path, progress: bool) -> dict[str, Any]:
        split = split_of(self.question, self.source, workspace)
        return run_method(self.method, self.setup, split, workspace, folder, progress)


def run_method(
    method: str, setup: Setup, split: LabelledSplit, workspace: Workspace, folder: Path, progress: bool
) -> dict[str, Any]:
    """Trains a method on a split and judges it: the fields of a `Result` that only a run can tell."""
    run = MethodRun(setup.training, folder, setup.settings, workspace.device, progress, setup.augmentation)
    began = time.perf_counter()
    predictions = METHODS[method].run(split, run)
    seconds = round(time.perf_counter() - began, 1)
    scores, details = judge(split, predictions)
    return {
        "reads": METHODS[method].reads,
        "scores": scores,
        "nets": {name: len(nets) for name, nets in split.parts.items()},
        "seconds": seconds,
        "parameters": predictions.parameters,
        "details": details,
    }


@lru_cache(maxsize=2)
def split_of(protocol: str, source: ZooSource, workspace: Workspace) -> LabelledSplit:
    """The split of a protocol's zoo; the last two are kept."""
    return PROTOCOLS[protocol].prepare(source.open(workspace))


def prediction_jobs(
    protocol: str, tier: str, workspace: Workspace, methods: Sequence[str] = (), seeds: Sequence[int] = (0, 1, 2)
) -> tuple[list[PredictionJob], dict[str, str]]:
    """The jobs of a protocol, seed by seed, and why the other methods can't take it.

    Args:
        methods: some of `METHODS`; all that can take the split if empty.

    Raises:
        ValueError: an unknown method, or a tier that the protocol doesn't have; lists the known ones.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ValueError(f"methods must be among {', '.join(METHODS)}; got {', '.join(unknown)}.")
    split = split_of(protocol, PredictionJob(protocol, tier, "", 0).source, workspace)
    obstacles = {name: METHODS[name].obstacle(split) for name in methods or METHODS}
    able = [name for name, obstacle in obstacles.items() if not obstacle]
    jobs = [
        PredictionJob(protocol, tier, name, seed)
        for number, seed in enumerate(seeds)
        for name in able
        if METHODS[name].seeded or number == 0
    ]
    return jobs, {name: obstacle for name, obstacle in obstacles.items() if obstacle}


def judge(split: LabelledSplit, predictions: Predictions) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Scores of every judged part and label, and their calibration."""
    scores, bins = {}, {}
    several = len(split.judged) > 1
    for part, nets in split.judged.items():
        predicted = predictions.of_part[part]
        for number, name in enumerate(nets.names):
            column = f"{part}: {name}" if several else name
            if nets.classes:
                true = nets.labels[:, 0].long()
                scores[column], bins[column] = class_score(predicted, true).to_dict(), _confidence(predicted, true)
            else:
                scores[column] = score(predicted[:, number], nets.labels[:, number]).to_dict()
                bins[column] = calibration(predicted[:, number], nets.labels[:, number])
    return scores, {"calibration": bins}


def _confidence(logs: Tensor, true: Tensor) -> dict[str, list[float]]:
    best = logs.max(1)
    return calibration(best.values.exp(), (best.indices == true).float())
