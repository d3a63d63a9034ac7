"""Jobs that question low-rank adapters: every way of `ADAPTER_METHODS` on all questions of one zoo."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import mean
from typing import Any

from torch import Tensor

from weightspace.data import load_dataset
from weightspace.tasks.adapters.adapters import Adapters, read_adapters
from weightspace.tasks.adapters.answer import answer
from weightspace.tasks.adapters.methods import ADAPTER_METHODS, Look
from weightspace.tasks.adapters.questions import LEFT_OUT, Question, ask_all
from weightspace.tasks.comparison.jobs.job import Job
from weightspace.tasks.comparison.jobs.result import slug
from weightspace.tasks.comparison.jobs.workspace import Workspace, ZooSource
from weightspace.tasks.training.train import TrainConfig

PROTOCOL = "adapters"
SOURCES = {"S": ZooSource("digits-adapters")}
TRAINING = TrainConfig(steps=1000, batch_size=64, learning_rate=2e-3, weight_decay=0.1, judge_every=50, average=0.98)
WORST = "worst trigger left out"


@dataclass(frozen=True)
class AdapterJob(Job):
    """One way of reading adapters with one seed, on all questions."""

    tier: str
    method: str
    seed: int

    @property
    def protocol(self) -> str:
        return PROTOCOL

    @property
    def command(self) -> str:
        return (
            f"python scripts/compare_adapters.py --tier {self.tier} --methods {json.dumps(self.method)} "
            f"--seeds {self.seed}"
        )

    @property
    def source(self) -> ZooSource:
        return SOURCES[self.tier]

    def settings(self) -> dict[str, Any]:
        return {"training": asdict(self.training)}

    @property
    def training(self) -> TrainConfig:
        """How it is trained on each question."""
        return replace(TRAINING, seed=self.seed, **ADAPTER_METHODS[self.method].training)

    def run(self, workspace: Workspace, folder: Path, progress: bool) -> dict[str, Any]:
        method, adapters, questions = ADAPTER_METHODS[self.method], *asked(self.source, workspace)
        sizes = tuple(size for layer in adapters.layers for size in reversed(layer.weight.shape))
        began, measures, parameters = time.perf_counter(), {}, 0
        for question in questions:
            looks = seen(method.looks.get(question.column, method.look), self.source, workspace)
            place = folder / slug(question.name)
            found = answer(method, question, looks, sizes, self.training, place)
            measures[question.name], parameters = found[0], max(parameters, found[1])
        return {
            "reads": method.reads,
            "scores": columns(questions, measures),
            "nets": {part: len(questions[0].targets[part]) for part in ("train", "val", "test")},
            "seconds": round(time.perf_counter() - began, 1),
            "parameters": parameters,
            "details": {"questions": measures},
        }


def columns(questions: Sequence[Question], measures: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The columns of the table: a question's own measures, or the means where several share a column."""
    found: dict[str, dict[str, float]] = {}
    for column in dict.fromkeys(question.column for question in questions):
        own = [measures[question.name] for question in questions if question.column == column]
        found[column] = {name: mean(each[name] for each in own) for name in own[0]}
        if column == f"poisoned, {LEFT_OUT[0]} left out":
            found[WORST] = {"auc": min(each["auc"] for each in own)}
    return found


@lru_cache(maxsize=1)
def asked(source: ZooSource, workspace: Workspace) -> tuple[Adapters, list[Question]]:
    """The adapters of a zoo, and the questions on them."""
    zoo = source.open(workspace)
    adapters = read_adapters(zoo)
    return adapters, ask_all(adapters, load_dataset(**zoo.recipe.data))


@lru_cache(maxsize=8)
def seen(look: Look, source: ZooSource, workspace: Workspace) -> Tensor:
    """What a way of looking sees of every adapter."""
    return look(asked(source, workspace)[0], load_dataset(**source.open(workspace).recipe.data))


def adapter_jobs(tier: str, methods: Sequence[str] = (), seeds: Sequence[int] = (0, 1, 2)) -> list[AdapterJob]:
    """The jobs of a tier, seed by seed.

    Args:
        methods: some of `ADAPTER_METHODS`; all if empty.

    Raises:
        ValueError: an unknown method or tier; lists the known ones.
    """
    if tier not in SOURCES:
        raise ValueError(f"tier must be one of {', '.join(SOURCES)}, got {tier!r}.")
    if unknown := [name for name in methods if name not in ADAPTER_METHODS]:
        raise ValueError(f"methods must be among {', '.join(ADAPTER_METHODS)}; got {', '.join(unknown)}.")
    return [AdapterJob(tier, name, seed) for seed in seeds for name in methods or ADAPTER_METHODS]
