"""Training configurations with every number spelled out, by the machine and the time that they are for."""

from typing import Any

from weightspace.suggest import suggestion
from weightspace.tasks.training.trainconfig import TrainConfig

TRAIN_PRESETS: dict[str, TrainConfig] = {
    # minutes on two CPU cores, a few thousand nets of a few hundred parameters
    "quick": TrainConfig(
        steps=400,
        batch_size=64,
        learning_rate=1e-3,
        weight_decay=0.3,
        warmup=50,
        clip=1.0,
        average=0.98,
        judge_every=25,
        seed=0,
        precision="no",
        compile=False,
        trackers=(),
    ),
    # an hour and more on a CPU, tens of thousands of nets
    "long": TrainConfig(
        steps=10_000,
        batch_size=64,
        learning_rate=1e-3,
        weight_decay=0.3,
        warmup=500,
        clip=1.0,
        average=0.998,
        judge_every=250,
        seed=0,
        precision="no",
        compile=False,
        trackers=(),
    ),
    # one GPU or several, tens of thousands of nets: larger batches, bfloat16
    "gpu": TrainConfig(
        steps=20_000,
        batch_size=256,
        learning_rate=2e-3,
        weight_decay=0.3,
        warmup=1_000,
        clip=1.0,
        average=0.999,
        judge_every=500,
        seed=0,
        precision="bf16",
        compile=False,
        trackers=(),
    ),
}
"""Change a field by ``dataclasses.replace(train_preset("long"), steps=...)``."""


def train_preset(name: str) -> TrainConfig:
    """A configuration by its name.

    Raises:
        ValueError: lists the known ones.
    """
    if name not in TRAIN_PRESETS:
        hint = suggestion(name, TRAIN_PRESETS)
        raise ValueError(f"There is no training preset {name!r}; known are {', '.join(TRAIN_PRESETS)}{hint}.")
    return TRAIN_PRESETS[name]


def train_flags() -> Any:
    """A type for a field of a script's dataclass: tyro makes of it a subcommand for each preset, with all its flags.

    Example::

        TrainFlags = train_flags()

        @dataclass(frozen=True)
        class Config:
            zoo: str
            train: TrainFlags = field(default_factory=TrainConfig)

        # script.py --zoo runs/zoo train:long --train.steps 2000
    """
    import tyro

    return tyro.extras.subcommand_type_from_defaults(TRAIN_PRESETS)
