from dataclasses import fields

import pytest

from weightspace.zoo.recipe.hyperparameters import BOUNDS, Hyperparameters


@pytest.mark.parametrize("name", BOUNDS)
def test_every_number_has_two_ends(name):
    least, most = BOUNDS[name]
    assert getattr(Hyperparameters(**{name: most}), name) == most
    for beyond in (least - 1, most * 2 + 1, *([float("nan")] if isinstance(most, float) else [])):
        with pytest.raises(ValueError, match=f"{name} must be at least"):
            Hyperparameters(**{name: beyond})


def test_bounds_are_of_fields():
    assert set(BOUNDS) <= {field.name for field in fields(Hyperparameters)}


@pytest.mark.parametrize("name", ["lr", "fraction"])
def test_nothing_can_not_be_learned_from(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        Hyperparameters(**{name: 0.0})


@pytest.mark.parametrize("name", ["optimizer", "schedule", "init"])
def test_unknown_names_list_the_known(name):
    with pytest.raises(ValueError, match=f"{name} must be one of .*, got 'adma'"):
        Hyperparameters(**{name: "adma"})
