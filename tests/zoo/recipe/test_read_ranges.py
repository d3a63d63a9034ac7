from dataclasses import dataclass

import pytest

from weightspace.zoo.recipe.ranges import Choices, Range
from weightspace.zoo.recipe.read_ranges import read_ranges


@dataclass(frozen=True)
class Config:
    """Of every kind."""

    rate: float = 0.1
    width: int = 3
    hidden: tuple[int, ...] = (1,)
    flag: bool = False

    def __post_init__(self):
        if self.rate > 1:
            raise ValueError(f"rate must be at most 1, got {self.rate}")


def test_values_choices_and_ranges():
    table = {
        "rate": {"low": 0.01, "high": 1, "log": True},
        "width": {"low": 2, "high": 4},
        "hidden": [3, 4],
        "flag": [True, False],
    }
    assert read_ranges(table, Config, "here") == {
        "rate": Range(0.01, 1.0, log=True),
        "width": Range(2, 4, whole=True),
        "hidden": (3, 4),
        "flag": Choices((True, False)),
    }
    assert read_ranges({"hidden": {"choices": [[3], [4, 5]]}}, Config, "here") == {"hidden": Choices(((3,), (4, 5)))}


def test_both_ends_and_every_choice_are_checked():
    with pytest.raises(ValueError, match=r"here: rate must be at most 1, got 2.0"):
        read_ranges({"rate": {"low": 0.1, "high": 2.0}}, Config, "here")
    with pytest.raises(ValueError, match=r"here: rate must be at most 1, got 3.0"):
        read_ranges({"rate": [0.1, 3.0]}, Config, "here")


def test_all_faults_are_told_at_once():
    with pytest.raises(ValueError, match=r"(?s)unknown key 'widht'.*'width'.*flag: only a number can have a range"):
        read_ranges({"widht": 3, "flag": {"low": 1, "high": 2}}, Config, "here")
