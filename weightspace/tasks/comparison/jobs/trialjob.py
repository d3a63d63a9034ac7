"""A search for a method's settings: every trial is a job, with settings of its own, judged on the validation nets."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from weightspace.tasks.comparison.jobs.predictionjob import QuestionJob, run_method, split_of
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.comparison.jobs.result import Result
from weightspace.tasks.comparison.jobs.setup import Setup, usual_setup
from weightspace.tasks.comparison.jobs.workspace import Workspace

_GRAPHS = {"width": (24, 32, 48), "layers": (2, 3, 4), "dropout": (0.0, 0.1, 0.2, 0.4)}
_PERCEPTRONS = {"width": (128, 256, 512), "layers": (2, 3), "dropout": (0.0, 0.1, 0.2, 0.4)}
_TRAINING = {"learning_rate": (3e-4, 1e-3, 2e-3, 4e-3), "weight_decay": (0.03, 0.1, 0.3)}
_NOISE = (0.0, 0.1, 0.2)
SETTINGS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "SpaceNet": {
        "width": (16, 32), "layers": (1, 2), "hidden": (128, 256), "dropout": (0.2, 0.3, 0.4),
        "noise": _NOISE, "members": (8, 16), "scale": (True, False),
    },
    "SpaceNet, weights only": {
        "width": (32, 48), "layers": (2, 3, 4), "hidden": (128, 256), "dropout": (0.1, 0.2, 0.4), "noise": _NOISE,
        "scale": (True, False), "sign": (True, False),
    },
    "DWSNet": {"width": (8, 16, 24), "layers": (2, 3, 4), "dropout": (0.0, 0.1, 0.2), "free_ends": (True, False)},
    "UNF": {"width": (8, 16, 24), "layers": (2, 3, 4), "dropout": (0.0, 0.1, 0.2), "free_ends": (True, False)},
    "NeuralGraphGNN": _GRAPHS,
    "NeuralGraphTransformer": _GRAPHS | {"num_heads": (4, 8)},
    "GraphMetanet": _GRAPHS,
    "ScaleGMN": _GRAPHS | {"bidirectional": (True, False)},
    "PyGMetanet": _GRAPHS,
    "ProbeNet": {"probes": (64, 128, 256), "width": (128, 256), "layers": (2, 3), "dropout": (0.0, 0.1, 0.2)},
    "StatNet": _PERCEPTRONS,
    "FlatMLP": _PERCEPTRONS,
    "FlatMLP, permuted while training": _PERCEPTRONS,
}  # fmt: skip
"""Method -> what may be drawn; the rate, the decay and noise on the weights are drawn for all of them."""


@dataclass(frozen=True)
class TrialJob(QuestionJob):
    """One draw of a method's settings on one protocol; trial 0 has the settings from before any search.

    The seed is the number of the trial. Results look like those of the protocol, with the validation nets in place of
    those that are judged, so they lie in a folder of their own.
    """

    @property
    def command(self) -> str:
        methods = json.dumps(self.method)
        return f"python scripts/search_settings.py {self.question} --tier {self.tier} --methods {methods}"

    @property
    def drawn(self) -> dict[str, dict[str, Any]]:
        """What this trial draws, of the training and of the method; the same for everyone who asks."""
        if self.seed == 0:
            return {"training": {}, "settings": {}}
        rng = Random(f"{self.question} {self.tier} {self.method} {self.seed}")
        training = {name: rng.choice(among) for name, among in _TRAINING.items()}
        settings = {name: rng.choice(among) for name, among in SETTINGS[self.method].items()}
        noise = {} if "noise" in settings else {"noise": rng.choice(_NOISE)}
        return {"training": training, "settings": settings, "augmentation": noise}

    @property
    def setup(self) -> Setup:
        """How the method is run."""
        return usual_setup(self.question, self.tier, self.method).changed(self.drawn)

    def settings(self) -> dict[str, Any]:
        return {**self.setup.content(self.method), "trial": self.seed}

    def run(self, workspace: Workspace, folder: Path, progress: bool) -> dict[str, Any]:
        split = split_of(self.question, self.source, workspace)
        on_validation = replace(split, parts={"train": split.train, "val": split.val, "validation": split.val})
        return run_method(self.method, self.setup, on_validation, workspace, folder, progress) | {"details": {}}


def trial_jobs(protocol: str, tier: str, methods: Sequence[str], trials: int) -> list[TrialJob]:
    """The trials of some methods, all methods once before any again.

    Raises:
        ValueError: no such protocol, a method whose settings aren't searched, fewer than one trial.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"The protocol must be one of {', '.join(PROTOCOLS)}; got {protocol!r}.")
    if unknown := [name for name in methods if name not in SETTINGS]:
        raise ValueError(f"methods must be among {', '.join(SETTINGS)}; got {', '.join(unknown)}.")
    if trials < 1:
        raise ValueError(f"trials must be 1 or more, got {trials}.")
    return [TrialJob(protocol, tier, name, number) for number in range(trials) for name in methods]


def goodness(result: Result) -> float:
    """What trials are compared by: the mean over columns of accuracy where there are classes, else of Kendall's tau."""
    return fmean(measures.get("accuracy", measures.get("tau", 0.0)) for measures in result.scores.values())


def best_trials(results: Iterable[Result]) -> dict[str, Result]:
    """Method -> its best trial; of equal ones the first."""
    best: dict[str, Result] = {}
    for result in sorted(results, key=lambda result: result.seed):
        if result.method not in best or goodness(result) > goodness(best[result.method]):
            best[result.method] = result
    return best
