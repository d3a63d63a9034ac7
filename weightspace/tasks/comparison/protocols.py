"""The questions that methods are compared on, each with its zoos, its split and its labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weightspace.metanets import presets
from weightspace.tasks.comparison.problems import (
    accuracy_and_gap,
    early,
    early_trajectory,
    inr_class,
    out_of_distribution,
)
from weightspace.tasks.labelled.augment import AugmentConfig
from weightspace.tasks.labelled.problem import Problem
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo import Zoo


@dataclass(frozen=True)
class Source:
    """A zoo: a recipe of the gallery, and how many of its nets (all if None)."""

    recipe: str
    nets: int | None = None


@dataclass(frozen=True)
class Protocol:
    """A question, and how methods are compared on it.

    Args:
        question: in a few words, the title of the table.
        sources: tier -> the zoo.
        prepare: the zoo as a problem.
        training: tier -> how everything that is trained by gradient steps is trained; tier S is made for an hour.
        steps: method -> its own number of steps at tier S, where the common one doesn't suit it.
        settings: method -> settings that replace its usual ones, at every tier.
        augmentation: what is done to the weights of training nets, for all metanets alike.
    """

    question: str
    sources: Mapping[str, Source]
    prepare: Callable[[Zoo], Problem]
    training: Mapping[str, TrainConfig]
    steps: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    augmentation: AugmentConfig | None = None


_LONG = TrainConfig(steps=20_000, batch_size=128, judge_every=500, average=0.999, warmup=500)
_MIDDLE = TrainConfig(steps=6_000, batch_size=64, judge_every=200, average=0.995, warmup=200)
_MOVED = AugmentConfig(rotate=10.0, shift=0.1, zoom=0.1)
_ON_INRS = {"SpaceNet": presets.spacenet_inr()}


def _training(small: TrainConfig) -> dict[str, TrainConfig]:
    return {"S": small, "M": _MIDDLE, "L": _LONG}


PROTOCOLS: dict[str, Protocol] = {
    "inr-class": Protocol(
        "Which digit an implicit representation shows",
        {"S": Source("digits-inr-views"), "M": Source("mnist-inr", 10_000), "L": Source("mnist-inr")},
        inr_class,
        _training(TrainConfig(steps=600, batch_size=32, judge_every=50)),
        settings=_ON_INRS,
        augmentation=_MOVED,
    ),
    "inr-class-fashion": Protocol(
        "Which garment an implicit representation shows",
        {"M": Source("fashion-inr", 10_000), "L": Source("fashion-inr")},
        inr_class,
        _training(TrainConfig()),
        settings=_ON_INRS,
        augmentation=_MOVED,
    ),
    "cnn": Protocol(
        "Test accuracy and generalization gap of small CNNs",
        {"S": Source("digits-cnn"), "M": Source("small-cnn-mnist", 10_000), "L": Source("small-cnn-mnist")},
        accuracy_and_gap,
        _training(TrainConfig(steps=600)),
    ),
    "cnn-cifar10": Protocol(
        "Test accuracy and generalization gap of small CNNs on grey CIFAR-10",
        {"M": Source("small-cnn-cifar10", 10_000), "L": Source("small-cnn-cifar10")},
        accuracy_and_gap,
        _training(TrainConfig()),
    ),
    "wild-park": Protocol(
        "Test accuracy and generalization gap of CNNs of many shapes",
        {"S": Source("digits-park"), "M": Source("wild-park", 10_000), "L": Source("wild-park")},
        accuracy_and_gap,
        _training(TrainConfig(steps=300)),
    ),
    "wild-park-ood": Protocol(
        "Test accuracy and generalization gap from narrow CNNs to wide and to deep ones",
        {"S": Source("digits-park"), "M": Source("wild-park", 10_000), "L": Source("wild-park")},
        out_of_distribution,
        _training(TrainConfig(steps=300)),
    ),
    "early": Protocol(
        "Final test accuracy from the state after epoch 1 or 2",
        {"S": Source("digits-curves"), "M": Source("small-cnn-mnist", 10_000), "L": Source("small-cnn-mnist")},
        early,
        _training(TrainConfig(steps=400)),
    ),
    "early-trajectory": Protocol(
        "Final test accuracy from the states after epochs 1 and 2 together",
        {"S": Source("digits-curves"), "M": Source("small-cnn-mnist", 10_000), "L": Source("small-cnn-mnist")},
        early_trajectory,
        _training(TrainConfig(steps=400)),
    ),
}
"""All protocols by name: the presets of ``scripts/train_predictor.py``."""
