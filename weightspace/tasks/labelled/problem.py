"""What every method of a comparison is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from weightspace.inr import Convention
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.augment import AugmentConfig
from weightspace.tasks.labelled.labelled import LabelledNets
from weightspace.tasks.training.train import TrainConfig


@dataclass(frozen=True)
class Problem:
    """Labelled nets to learn from, to choose on and to be judged on.

    Args:
        parts: ``"train"``, ``"val"`` and any number of others, which are judged.
        recipes: name of each zoo's recipe -> its hash.
        modules: for each weight space a net of it, for methods that run nets; its own weights don't matter.
        domain: what the nets are (`weightspace.tasks.domain_of`), kept with metanets.
        convention: how implicit representations are rendered; None for other nets.
        curve: columns of the index that hold the learning curve so far, oldest first; only these may be read from rows
            by a method that extrapolates it.
    """

    parts: Mapping[str, LabelledNets]
    recipes: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[WeightSpace, nn.Module] = field(default_factory=dict)
    domain: Mapping[str, Any] = field(default_factory=dict)
    convention: Convention | None = None
    curve: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not {"train", "val"} < set(self.parts):
            raise ValueError(f"A problem needs nets to train, to val and to judge on, got {', '.join(self.parts)}.")

    @property
    def train(self) -> LabelledNets:
        """The nets to learn from."""
        return self.parts["train"]

    @property
    def val(self) -> LabelledNets:
        """The nets to choose on."""
        return self.parts["val"]

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """What the recipe varies, without what is to be predicted."""
        return tuple(name for name in self.train.hyperparameters if name not in self.train.names)

    @property
    def judged(self) -> dict[str, LabelledNets]:
        """The other parts."""
        return {name: nets for name, nets in self.parts.items() if name not in ("train", "val")}


@dataclass(frozen=True)
class Run:
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
class Outcome:
    """What a method gives back.

    Args:
        predictions: for each judged part the labels ``[nets, labels]``, or log-probabilities ``[nets, classes]``.
        parameters: numbers that were learned by gradient steps.
    """

    predictions: Mapping[str, Float[Tensor, "nets outputs"]]
    parameters: int = 0
