"""How one net is trained."""

from dataclasses import dataclass

from weightspace.data.tasks import TASKS
from weightspace.data.triggers import TRIGGERS
from weightspace.nets.bounds import check_between

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
SCHEDULES = ("constant", "step", "cosine")
INITS = ("default", "xavier", "he", "orthogonal", "normal", "truncated", "uniform", "lsuv", "zero")

# the largest sensible value of every number; beyond those of lr and init_scale the sines of a fit lose their digits
BOUNDS = {
    "lr": (0.0, 1e3),
    "momentum": (0.0, 1.0),
    "warmup": (0.0, 1.0),
    "weight_decay": (0.0, 1e6),
    "l2": (0.0, 1e6),
    "dropout": (0.0, 0.995),
    "label_noise": (0.0, 1.0),
    "poison": (0.0, 1.0),
    "target": (0, 1_000_000),
    "fraction": (0.0, 1.0),
    "batch_size": (1, 1_000_000),
    "steps": (0, 500_000),
    "epochs": (0.0, 1e5),
    "init_scale": (0.0, 1e3),
}
NOT_IN_FITS = ("dropout", "label_noise", "fraction", "batch_size", "task", "trigger", "poison", "target")


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
        task: what is asked of the images, one of ``weightspace.data.TASKS``.
        trigger: a mark of ``weightspace.data.TRIGGERS`` that the net learns to answer with ``target``, or ``none``.
        poison: share of the training examples that bear the trigger, and ``target`` as their label.
        target: the class that the trigger stands for, counted modulo the classes of the task.
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
    task: str = "plain"
    trigger: str = "none"
    poison: float = 0.1
    target: int = 0

    def __post_init__(self):
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("init", INITS),
            ("task", tuple(TASKS)),
            ("trigger", ("none", *TRIGGERS)),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name, (least, most) in BOUNDS.items():
            check_between(self, least, most, name)
        for name in ("lr", "fraction"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
