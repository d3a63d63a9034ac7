from dataclasses import dataclass

import pytest

from weightspace.nets.settings import coerce, field_types, read_settings, takes_list


@dataclass(frozen=True)
class Config:
    """Of every kind."""

    rate: float = 0.1
    width: int | tuple[int, ...] = 3
    name: str = "x"
    flag: bool = False
    seed: int | None = None

    def __post_init__(self):
        if self.rate < 0:
            raise ValueError(f"rate must be at least 0, got {self.rate}")


def test_json_becomes_what_the_fields_ask_for():
    read = read_settings(Config, {"rate": 1, "width": [2, 3], "seed": None})
    assert read == Config(1.0, (2, 3), "x", False, None) and type(read.rate) is float


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widht": 3}, "here: unknown key 'widht' for Config; known are flag, name, rate, seed, width"),
        ({"rate": "1"}, "here: rate must be a number, got '1', which is a string"),
        ({"rate": True}, "here: rate must be a number, got True, which is true or false"),
        ({"width": 0.5}, "here: width must be a whole number or a list of whole numbers, got 0.5, which is a number"),
        ({"width": [1, "2"]}, "here: width must be a whole number or a list of whole numbers"),
        ({"flag": 1}, "here: flag must be true or false, got 1"),
        ({"rate": -1}, "here: rate must be at least 0, got -1.0"),
    ],
)
def test_errors_name_key_kind_and_what_came(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read_settings(Config, settings, "here")


def test_only_some_fields_take_lists():
    kinds = field_types(Config)
    assert {name for name, kind in kinds.items() if takes_list(kind)} == {"width"}
    assert coerce([1], tuple[int, ...], "x") == (1,)
