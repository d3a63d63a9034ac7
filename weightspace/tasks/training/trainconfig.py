"""How a metanet is trained: one frozen dataclass, whose fields are also flags of the scripts."""

import math
from dataclasses import dataclass

TRACKERS = ("tensorboard", "wandb", "trackio")


@dataclass(frozen=True)
class TrainConfig:
    """How a metanet is trained.

    Args:
        steps: gradient steps.
        batch_size: nets a step, over all processes together.
        learning_rate: of AdamW, after a linear warm-up; falls to zero along a cosine.
        weight_decay: decoupled, on matrices only (vectors, such as biases and norm scales, aren't decayed).
        warmup: steps of the warm-up.
        clip: the largest norm of the gradient.
        average: decay of the running mean of the parameters that is judged and kept; 0 keeps the last ones.
        judge_every: steps between two looks at the validation nets.
        seed: of the initial parameters and the order of the nets.
        precision: "no" computes in the parameters' own type; "bf16" runs the loss under autocast to bfloat16.
            Parameters, gradients, averages and the validation stay as they are.
        compile: run the model's ``forward`` and ``loss`` through ``torch.compile`` while training. The first steps take
            minutes; whether later ones win them back depends on metanet and machine, so measure it.
        trackers: any of "tensorboard", "wandb", "trackio" (``pip install 'weightspace[track]'``), beside the log.
    """

    steps: int = 400
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.3
    warmup: int = 50
    clip: float = 1.0
    average: float = 0.98
    judge_every: int = 25
    seed: int = 0
    precision: str = "no"
    compile: bool = False
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "judge_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        for name in ("learning_rate", "clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1), got {self.average}.")
        if self.precision not in ("no", "bf16"):
            raise ValueError(f"precision must be 'no' or 'bf16', got {self.precision!r}.")
        if unknown := [name for name in self.trackers if name not in TRACKERS]:
            raise ValueError(f"trackers must be among {', '.join(TRACKERS)}; got {unknown}.")

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))
