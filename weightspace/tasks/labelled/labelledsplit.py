"""Labelled nets in parts: to learn from, to choose on, to be judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from weightspace.inr import Convention
from weightspace.space import WeightSpace
from weightspace.tasks.labelled.labellednets import LabelledNets


@dataclass(frozen=True)
class LabelledSplit:
    """Labelled nets to learn from, to choose on and to be judged on.

    Args:
        parts: ``"train"``, ``"val"`` and any number of others, which are judged.
        modules: for each weight space a net of it, for methods that run nets; its own weights don't matter.
        domain: what the nets are (`weightspace.tasks.domain_of`), kept with metanets.
        convention: how implicit representations are rendered; None for other nets.
        curve: columns of the index that hold the learning curve so far, oldest first; only these may be read from rows
            by a method that extrapolates it.
    """

    parts: Mapping[str, LabelledNets]
    modules: Mapping[WeightSpace, nn.Module] = field(default_factory=dict)
    domain: Mapping[str, Any] = field(default_factory=dict)
    convention: Convention | None = None
    curve: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not {"train", "val"} < set(self.parts):
            raise ValueError(f"A split needs nets to train, to val and to judge on, got {', '.join(self.parts)}.")

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
