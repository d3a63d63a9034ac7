"""What a recipe draws for net i depends on the recipe and i alone."""

from dataclasses import replace

import pytest

from weightspace.zoo import Recipe
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.trial import draw_trial, epoch_steps, subset_size, with_fit_steps, with_steps

CONTENT = {
    "name": "drawn",
    "nets": 50,
    "data": {"name": "digits"},
    "net": {"name": "mlp", "hidden": {"choices": [[8], [16, 8]]}},
    "train": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "epochs": 2.0, "batch_size": [16, 32]},
}


def recipe(**changes):
    return Recipe.from_dict({**CONTENT, **changes})


def test_a_longer_zoo_begins_with_the_shorter_one():
    short, long = recipe(nets=5), recipe(nets=50)
    assert [draw_trial(short, net) for net in range(5)] == [draw_trial(long, net) for net in range(5)]


def test_another_setting_moves_no_other_draw():
    more = recipe(train={**CONTENT["train"], "dropout": [0.0, 0.1]})
    for net in range(8):
        one, other = draw_trial(recipe(), net), draw_trial(more, net)
        assert (one.train.lr, one.architecture, one.seed, one.split) == (
            other.train.lr,
            other.architecture,
            other.seed,
            other.split,
        )


def test_a_grid_goes_through_all_choices_then_again_with_other_seeds():
    grid = recipe(draw="grid")
    trials = [draw_trial(grid, net) for net in range(8)]
    points = [(trial.architecture.id, trial.train.batch_size) for trial in trials]
    assert len(set(points[:4])) == 4 and points[:4] == points[4:]
    assert len({trial.seed for trial in trials}) == 8


def test_epochs_are_counted_in_steps_of_the_examples_used():
    train = Hyperparameters(epochs=2.0, batch_size=10, fraction=0.5)
    trial = replace(draw_trial(recipe(), 0), train=train)
    assert (subset_size(train, 100), epoch_steps(train, 100)) == (50, 5.0)
    assert with_steps(trial, 100).train.steps == 10
    assert with_fit_steps(trial).train.steps == 2  # a fit sees all points at every step
    assert with_steps(replace(trial, train=replace(train, steps=7)), 100).train.steps == 7


@pytest.mark.parametrize("shared", [False, True])
def test_a_shared_init_is_one_draw(shared):
    drawn = recipe(train={**CONTENT["train"], "shared_init": shared})
    assert (len({draw_trial(drawn, net).init_seed for net in range(4)}) == 1) == shared
