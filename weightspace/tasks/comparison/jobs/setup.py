"""How a method is run on a protocol: its training, its settings and what is done to the nets that it learns from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from weightspace.reading import read_json
from weightspace.tasks.comparison.jobs.method import METHODS, VERSIONS
from weightspace.tasks.comparison.jobs.protocol import PROTOCOLS
from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.training.train import TrainConfig

TUNED = Path(__file__).with_name("tuned.json")
"""Protocol and tier -> method -> what a search on validation nets chose; written by ``scripts/search_settings.py``."""

_ALWAYS = ("steps", "batch_size", "learning_rate", "weight_decay", "warmup", "clip", "average", "judge_every", "seed")
"""Other fields of the training are part of a result only where they aren't as usual."""


@dataclass(frozen=True)
class Setup:
    """How a method is run.

    Args:
        training: steps, rate and so on.
        settings: of the method.
        augmentation: what is done to the weights of training nets.
    """

    training: TrainConfig
    settings: Mapping[str, Any]
    augmentation: AugmentConfig | None = None

    def changed(self, drawn: Mapping[str, Mapping[str, Any]]) -> "Setup":
        """The same with some values of "training", "settings" and "augmentation" in place of its own."""
        augmentation = self.augmentation
        if noise := drawn.get("augmentation"):
            augmentation = replace(augmentation or AugmentConfig(), **noise)
        training = replace(self.training, **drawn.get("training", {}))
        return Setup(training, {**self.settings, **drawn.get("settings", {})}, augmentation)

    def content(self, method: str) -> dict[str, Any]:
        """What a result keeps of it; values that are as usual are left out, so that old results stay valid."""
        usual = asdict(TrainConfig())
        told = {k: v for k, v in asdict(self.training).items() if k in _ALWAYS or v != usual[k]}
        content: dict[str, Any] = {"training": told, "settings": dict(self.settings)}
        if method in VERSIONS:
            content["version"] = VERSIONS[method]
        if self.augmentation:
            content["augmentation"] = {name: value for name, value in asdict(self.augmentation).items() if value}
        return content


def usual_setup(question: str, tier: str, method: str, seed: int = 0) -> Setup:
    """How a method is run before any search."""
    protocol = PROTOCOLS[question]
    training = replace(protocol.training[tier], seed=seed)
    if tier == "S" and method in protocol.steps:
        training = replace(training, steps=protocol.steps[method])
    settings = METHODS[method].settings(tier) | dict(protocol.settings.get(method, {}))
    return Setup(training, settings, protocol.augmentation)


def tuned_setup(question: str, tier: str, method: str, seed: int = 0) -> Setup:
    """How a method is run in the tables: as usual, but for what a search chose."""
    return usual_setup(question, tier, method, seed).changed(_tuned().get(f"{question}-{tier}", {}).get(method, {}))


def keep_tuned(question: str, tier: str, chosen: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes what a search chose for some methods; those of others stay."""
    name, known = f"{question}-{tier}", _tuned()
    text = json.dumps({**known, name: {**known.get(name, {}), **chosen}}, indent=1, sort_keys=True)
    TUNED.write_text(text + "\n", encoding="utf-8")
    _tuned.cache_clear()


@lru_cache(maxsize=1)
def _tuned() -> dict[str, dict[str, Any]]:
    return read_json(TUNED.read_text(encoding="utf-8"), str(TUNED)).plain() if TUNED.exists() else {}
