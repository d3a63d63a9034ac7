"""How a method of a comparison is run, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.training.train import TrainConfig


@dataclass(frozen=True)
class MethodRun:
    """How a method is to be run.

    Args:
        training: steps, learning rate and seed of what is trained by gradient steps; the seed is everyone's.
        folder: for logs and checkpoints, and for the metanet.
        settings: of the method.
        augmentation: what is done to the weights of training nets.
    """

    training: TrainConfig
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    progress: bool = False
    augmentation: AugmentConfig | None = None


@dataclass(frozen=True)
class Predictions:
    """What a method gives back.

    Args:
        of_part: for each judged part the labels ``[nets, labels]``, or log-probabilities ``[nets, classes]``.
        parameters: numbers that were learned by gradient steps.
    """

    of_part: Mapping[str, Float[Tensor, "nets outputs"]]
    parameters: int = 0
