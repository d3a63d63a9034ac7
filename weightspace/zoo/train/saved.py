"""One saved state of a net."""

from dataclasses import dataclass

from torch import Tensor

from weightspace.zoo.recipe.trial import Trial


@dataclass(frozen=True)
class Saved:
    """The weights of one net at one step, and what was measured on them."""

    trial: Trial
    step: int
    epoch: float
    weights: dict[str, Tensor]
    metrics: dict[str, float]
    status: str = "ok"
    reason: str = ""
    seconds: float = 0.0
    label: int = -1
