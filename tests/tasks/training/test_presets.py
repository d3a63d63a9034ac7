from dataclasses import dataclass, field, replace

import pytest
import tyro

from weightspace.tasks.labelled.augmentation import AugmentConfig
from weightspace.tasks.training.presets import TRAIN_PRESETS, train_flags, train_preset
from weightspace.tasks.training.trainconfig import TrainConfig

TrainFlags = train_flags()


@dataclass(frozen=True)
class Config:
    zoo: str
    train: TrainFlags = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


def test_a_preset_is_a_subcommand_and_its_fields_are_flags():
    assert tyro.cli(Config, args=["--zoo", "x"]) == Config("x")
    given = ["--zoo", "x", "--augment.noise", "0.1", "train:long", "--train.steps", "7", "--train.trackers", "wandb"]
    expected = replace(train_preset("long"), steps=7, trackers=("wandb",))
    assert tyro.cli(Config, args=given) == Config("x", expected, AugmentConfig(noise=0.1))


def test_quick_is_the_default():
    assert train_preset("quick") == TrainConfig()
    assert len(set(TRAIN_PRESETS.values())) == len(TRAIN_PRESETS)


def test_unknown_presets_are_refused():
    with pytest.raises(ValueError, match="no training preset 'longer'; known are quick, long, gpu"):
        train_preset("longer")
