import tomllib

import pytest

from weightspace.zoo.recipe.toml_text import write_toml

CONTENT = {
    "name": 'it\'s a "name"\n\\ with 😀 above the basic plane, a tab\t and a bell \x07',
    "nets": 3,
    "net": {"name": "cnn", "hidden": {"choices": [[8], [16, 8]]}, "activation": ["relu", "tanh"], "empty": []},
    "train": {"lr": {"low": 1e-5, "high": 0.1, "log": True}, "large": 1e300, "whole": -(2**62), "nesterov": False},
    "seed": 7,
    "a key": {"with a.dot": 1},
}


def test_what_is_written_is_read_back():
    assert tomllib.loads(write_toml(CONTENT)) == CONTENT


def test_every_number_is_read_back_bit_for_bit():
    numbers = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 123456789.123456789]
    assert repr(tomllib.loads(write_toml({"x": numbers}))["x"]) == repr(numbers)


def test_ranges_stand_in_one_line_as_a_person_writes_them():
    lines = write_toml(CONTENT).splitlines()
    assert "lr = {low = 1e-05, high = 0.1, log = true}" in lines and "hidden = {choices = [[8], [16, 8]]}" in lines
    assert lines.index("seed = 7") < lines.index("[net]") < lines.index("[train]")


def test_tuples_are_lists():
    assert tomllib.loads(write_toml({"x": (1, (2, 3))})) == {"x": [1, [2, 3]]}


@pytest.mark.parametrize("value", [None, object(), {1}])
def test_what_toml_has_no_words_for_is_named(value):
    with pytest.raises(TypeError, match=r"train.lr must be a string, a number, .*, got "):
        write_toml({"train": {"lr": value}})
    with pytest.raises(TypeError, match=r"train.lr.low must be"):
        write_toml({"train": {"lr": {"low": value}}})
