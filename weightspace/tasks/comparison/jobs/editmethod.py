"""Ways to edit implicit representations that are compared, and the tiers on which they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from weightspace.tasks.comparison.jobs.workspace import ZooSource
from weightspace.tasks.editing.fit import EditConfig
from weightspace.tasks.training.train import TrainConfig


@dataclass(frozen=True)
class EditMethod:
    """A metanet and what it is allowed to look at.

    Args:
        metanet: name in ``weightspace.metanets.METANETS``.
        config: how it edits.
        settings: fields of its `Config`.
        learning_rate: the largest one.
    """

    metanet: str
    config: EditConfig
    settings: Mapping[str, Any] = field(default_factory=lambda: {"width": 32, "layers": 3})
    learning_rate: float = 2e-3


_WEIGHTS = EditConfig(gradients=False, readout=0.0)
_GRADIENT = EditConfig(gradients=True, readout=0.0)
_READOUT = EditConfig(gradients=True, readout=1e-3)
_TWICE = EditConfig(gradients=True, readout=1e-3, passes=2)
_SPACENET = {"width": 32, "layers": 3, "probes": 0}
_PROBES = _SPACENET | {"probes": 64}

EDIT_METHODS: dict[str, EditMethod] = {
    "SpaceNet, weights": EditMethod("SpaceNet", _WEIGHTS, _SPACENET),
    "SpaceNet, weights, 8 averaged": EditMethod("SpaceNet", replace(_WEIGHTS, candidates=8), _SPACENET),
    "SpaceNet, probes": EditMethod("SpaceNet", _WEIGHTS, _PROBES),
    "SpaceNet, gradient": EditMethod("SpaceNet", _GRADIENT, _SPACENET),
    "SpaceNet, gradient and readout": EditMethod("SpaceNet", _READOUT, _PROBES),
    "SpaceNet, gradient and readout, two passes": EditMethod("SpaceNet", _TWICE, _PROBES | {"layers": 2}, 3e-3),
    "GraphMetanet, weights": EditMethod("GraphMetanet", _WEIGHTS),
    "GraphMetanet, gradient": EditMethod("GraphMetanet", _GRADIENT),
    "GraphMetanet, gradient and readout": EditMethod("GraphMetanet", _READOUT),
    "ScaleGMN, weights": EditMethod("ScaleGMN", _WEIGHTS),
    "ScaleGMN, gradient": EditMethod("ScaleGMN", _GRADIENT),
    "NFN_HNP, weights": EditMethod("UNF", _WEIGHTS),
    "NFN_HNP, gradient": EditMethod("UNF", _GRADIENT),
}
"""All of them by name: the rows of the tables."""


@dataclass(frozen=True)
class EditTier:
    """A zoo of a size, and how long everything is trained on it.

    Args:
        zoo: what is edited.
        seeds: of the methods.
        source: what is aimed at, see `EditNets.from_zoo`.
        training: the same for all methods.
        lr: learning rate at which nets are fitted on for comparison.
    """

    zoo: ZooSource
    seeds: tuple[int, ...]
    source: str
    training: TrainConfig
    lr: float = 2e-3

    def train(self, method: EditMethod, seed: int) -> TrainConfig:
        """How a method is trained."""
        return replace(self.training, learning_rate=method.learning_rate, seed=seed)


_SMALL = TrainConfig(steps=150, weight_decay=0.01, average=0.98, judge_every=50, warmup=20)
_MIDDLE = replace(_SMALL, steps=1000, average=0.99, judge_every=100)
_SHORT = replace(_SMALL, steps=100, batch_size=16, judge_every=25)  # a field has 4,096 points, a digit 64

EDIT_TIERS: dict[str, dict[str, EditTier]] = {
    "grey": {
        "S": EditTier(ZooSource("digits-inr"), (0, 1, 2), "signal", _SMALL),
        "M": EditTier(ZooSource("mnist-inr", 10_000), (0,), "signal", _MIDDLE),
        "L": EditTier(
            ZooSource("mnist-inr"), (0, 1, 2), "signal",
            replace(_SMALL, steps=40_000, batch_size=128, average=0.999, judge_every=1000, warmup=500),
        ),
    },
    "colour": {
        "S": EditTier(ZooSource("digits-inr-colour"), (0, 1, 2), "signal", _SMALL),
        "M": EditTier(ZooSource("cifar-inr", 10_000), (0,), "signal", _MIDDLE),
    },
    "solids": {"S": EditTier(ZooSource("shapes-sdf", 800), (0, 1, 2), "signal", _SHORT)},
}  # fmt: skip
"""What the nets show -> tier -> its zoo. The target is the edited signal; of images its values lie in [0, 1], which is
what the published benchmarks measure."""
