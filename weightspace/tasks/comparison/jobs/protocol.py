"""The questions that methods are compared on, each with its zoos, its split and its labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from weightspace.metanets import presets
from weightspace.tasks.comparison.jobs.splits import (
    accuracy_and_gap,
    early,
    early_trajectory,
    inr_class,
    out_of_distribution,
    zoo_labels,
)
from weightspace.tasks.comparison.jobs.workspace import ZooSource
from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo import Zoo


@dataclass(frozen=True)
class Protocol:
    """A question, and how methods are compared on it.

    Args:
        question: in a few words, the title of the table.
        sources: tier -> the zoo.
        prepare: the zoo as a split.
        training: tier -> how everything that is trained by gradient steps is trained; tier S is made for an hour.
        steps: method -> its own number of steps at tier S, where the common one doesn't suit it.
        settings: method -> settings that replace its usual ones, at every tier.
        augmentation: what is done to the weights of training nets, for all metanets alike.
    """

    question: str
    sources: Mapping[str, ZooSource]
    prepare: Callable[[Zoo], LabelledSplit]
    training: Mapping[str, TrainConfig]
    steps: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    augmentation: AugmentConfig | None = None


_LONG = TrainConfig(steps=20_000, batch_size=128, judge_every=500, average=0.999, warmup=500)
_MIDDLE = TrainConfig(steps=6_000, batch_size=64, judge_every=200, average=0.995, warmup=200)
_MOVED = AugmentConfig(rotate=10.0, shift=0.1, zoom=0.1)
_ON_INRS = {"SpaceNet": presets.spacenet_inr()}
_HOW_TRAINED = {name: {"scale": False} for name in ("SpaceNet", "SpaceNet, weights only")}
"""For questions about the training: it leaves its trace in sizes that don't change what a net computes."""
_SMALL_CNNS = {
    "S": ZooSource("digits-cnn"),
    "M": ZooSource("small-cnn-mnist", 10_000),
    "L": ZooSource("small-cnn-mnist"),
}


def _training(small: TrainConfig) -> dict[str, TrainConfig]:
    return {"S": small, "M": _MIDDLE, "L": _LONG}


PROTOCOLS: dict[str, Protocol] = {
    "inr-class": Protocol(
        "Which digit an implicit representation shows",
        {"S": ZooSource("digits-inr-views"), "M": ZooSource("mnist-inr", 10_000), "L": ZooSource("mnist-inr")},
        inr_class,
        _training(TrainConfig(steps=600, batch_size=32, judge_every=50)),
        settings=_ON_INRS,
        augmentation=_MOVED,
    ),
    "inr-class-fashion": Protocol(
        "Which garment an implicit representation shows",
        {"M": ZooSource("fashion-inr", 10_000), "L": ZooSource("fashion-inr")},
        inr_class,
        _training(TrainConfig()),
        settings=_ON_INRS,
        augmentation=_MOVED,
    ),
    "cnn": Protocol(
        "Test accuracy and generalization gap of small CNNs",
        _SMALL_CNNS,
        accuracy_and_gap,
        _training(TrainConfig(steps=600)),
    ),
    "cnn-cifar10": Protocol(
        "Test accuracy and generalization gap of small CNNs on grey CIFAR-10",
        {"M": ZooSource("small-cnn-cifar10", 10_000), "L": ZooSource("small-cnn-cifar10")},
        accuracy_and_gap,
        _training(TrainConfig()),
    ),
    "wild-park": Protocol(
        "Test accuracy and generalization gap of CNNs of many shapes",
        {"S": ZooSource("digits-park"), "M": ZooSource("wild-park", 10_000), "L": ZooSource("wild-park")},
        accuracy_and_gap,
        _training(TrainConfig(steps=300)),
    ),
    "wild-park-ood": Protocol(
        "Test accuracy and generalization gap from narrow CNNs to wide and to deep ones",
        {"S": ZooSource("digits-park"), "M": ZooSource("wild-park", 10_000), "L": ZooSource("wild-park")},
        out_of_distribution,
        _training(TrainConfig(steps=300)),
    ),
    "early": Protocol(
        "Final test accuracy from the state after epoch 1 or 2",
        {"S": ZooSource("digits-curves"), "M": ZooSource("small-cnn-mnist", 10_000), "L": ZooSource("small-cnn-mnist")},
        early,
        _training(TrainConfig(steps=400)),
    ),
    "early-trajectory": Protocol(
        "Final test accuracy from the states after epochs 1 and 2 together",
        {"S": ZooSource("digits-curves"), "M": ZooSource("small-cnn-mnist", 10_000), "L": ZooSource("small-cnn-mnist")},
        early_trajectory,
        _training(TrainConfig(steps=400)),
    ),
    "loss": Protocol(
        "Test loss of small CNNs",
        _SMALL_CNNS,
        partial(zoo_labels, labels=("test_loss",), final=True),
        _training(TrainConfig(steps=600)),
    ),
    "optimizer": Protocol(
        "Which optimizer trained a small CNN",
        _SMALL_CNNS,
        partial(zoo_labels, labels=("optimizer",), category=True, final=True),
        _training(TrainConfig(steps=600)),
        settings=_HOW_TRAINED,
    ),
    "label-noise": Protocol(
        "How many of a small CNN's training labels were wrong",
        {"S": ZooSource("digits-noise")},
        partial(zoo_labels, labels=("label_noise",), final=True),
        _training(TrainConfig(steps=600)),
        settings=_HOW_TRAINED,
    ),
    "dataset": Protocol(
        "Which of five data sets a small CNN was trained on",
        {"S": ZooSource("digits-sets")},
        partial(zoo_labels, labels=("task",), category=True, final=True),
        _training(TrainConfig(steps=600)),
    ),
    "inr-psnr": Protocol(
        "How well an implicit representation shows its image, in dB",
        {"S": ZooSource("digits-inr"), "M": ZooSource("mnist-inr", 10_000), "L": ZooSource("mnist-inr")},
        partial(zoo_labels, labels=("psnr",), final=True),
        _training(TrainConfig(steps=400)),
        settings=_ON_INRS,
    ),
}
"""All protocols by name: the presets of ``scripts/train_predictor.py``."""
