"""How one net is trained."""

from dataclasses import dataclass

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
SCHEDULES = ("constant", "step", "cosine")
INITS = ("default", "xavier", "he", "orthogonal", "normal", "truncated", "uniform", "lsuv", "zero")


@dataclass(frozen=True)
class Hyperparameters:
    """How one net is trained; each may vary from net to net inside a stack, ``batch_size`` between stacks.

    Args:
        optimizer: ``sgd``, ``adam``, ``adamw`` or ``rmsprop``, with the arithmetic of ``torch.optim``.
        lr: learning rate.
        momentum: of ``sgd`` (``nesterov`` too).
        schedule: ``constant``, ``step`` (a tenth after each third of the steps) or ``cosine`` (to zero).
        warmup: share of the steps over which the learning rate rises from zero.
        weight_decay: as in ``torch.optim``: decoupled for ``adamw``, added to the gradient for the others.
        l2: adds ``l2 * sum(w ** 2)`` over weights (not biases) to the loss.
        dropout: probability, wherever the net has dropout.
        label_noise: share of the training labels that are drawn anew.
        fraction: share of the training examples used.
        batch_size: examples a step; the stream of shuffled passes is cut without gaps.
        steps: optimizer steps; 0 to count ``epochs`` instead.
        epochs: passes over the training examples used.
        init: rule for weights (see ``draw_weights``), scaled by ``init_scale``; biases start as torch starts them
            for ``default`` and at zero for the others.
        shared_init: every net starts from the same draw.
    """

    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.0
    nesterov: bool = False
    schedule: str = "constant"
    warmup: float = 0.0
    weight_decay: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    label_noise: float = 0.0
    fraction: float = 1.0
    batch_size: int = 32
    steps: int = 0
    epochs: float = 0.0
    init: str = "default"
    init_scale: float = 1.0
    shared_init: bool = False

    def __post_init__(self):
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("init", INITS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but {getattr(self, name)!r} came")
        for name in ("lr", "batch_size", "fraction"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, but {getattr(self, name)} came")
        for name in ("momentum", "weight_decay", "l2", "steps", "epochs", "init_scale", "warmup"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, but {getattr(self, name)} came")
        for name in ("dropout", "label_noise", "fraction", "warmup"):
            if not getattr(self, name) <= 1:
                raise ValueError(f"{name} must be at most 1, but {getattr(self, name)} came")
        if self.dropout == 1:
            raise ValueError("dropout must lie below 1, but 1.0 came")
