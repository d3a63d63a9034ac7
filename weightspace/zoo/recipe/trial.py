"""One net of a zoo before it is trained: what the recipe draws for it."""

import functools
import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weightspace.data import Signals
from weightspace.nets import Architecture
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.ranges import Choices, ends, varies
from weightspace.zoo.recipe.recipe import Recipe
from weightspace.zoo.recipe.seeds import draw_seed, draw_uniform


@dataclass(frozen=True)
class Trial:
    """Net ``net`` of a recipe; depends on the recipe and ``net`` alone."""

    net: int
    run: int
    data_seed: int
    seed: int
    init_seed: int
    split: str
    architecture: Architecture
    settings: dict[str, Any]
    train: Hyperparameters

    def signal(self, signals: Signals) -> int:
        """The signal that the net is fitted to; runs go through a shuffle of all parts, again and again."""
        return _shuffle(len(signals), self.data_seed)[self.run % len(signals)]


def draw_trial(recipe: Recipe, net: int) -> Trial:
    """Draws the settings of net ``net``.

    A random draw depends on the seed, the net and the key, so that an added axis moves no other one. A grid runs
    through the product of all choices, then again with other seeds.
    """
    values = _grid(recipe, net) if recipe.draw == "grid" else {}
    for key, value in {**recipe.architecture, **recipe.train}.items():
        if key not in values:
            values[key] = value.at(draw_uniform(recipe.seed, net, key)) if varies(value) else value
    settings = {key: values[key] for key in recipe.architecture}
    train = Hyperparameters(**{key: values[key] for key in recipe.train})
    return Trial(
        net=net,
        run=net // recipe.fit.views,
        data_seed=recipe.seed,
        seed=draw_seed(recipe.seed, net, "seed"),
        init_seed=draw_seed(recipe.seed, -1 if train.shared_init else net, "init"),
        split=recipe.split.part(draw_uniform(recipe.seed, net // recipe.fit.views, "split")),
        architecture=Architecture(recipe.net, settings),
        settings=values,
        train=train,
    )


@functools.lru_cache(maxsize=4)
def _shuffle(count: int, seed: int) -> list[int]:
    return np.random.Generator(np.random.Philox(draw_seed(seed, -1, "signals"))).permutation(count).tolist()


def _grid(recipe: Recipe, net: int) -> dict[str, Any]:
    choices = {key: ends(value) for key, value in recipe.varied.items() if isinstance(value, Choices)}
    points = list(itertools.product(*choices.values()))
    return dict(zip(choices, points[net % len(points)], strict=True)) if choices else {}


def with_steps(trial: Trial, examples: int) -> Trial:
    """The trial with its epochs counted in steps, for a training set of so many examples."""
    if trial.train.steps:
        return trial
    steps = max(1, round(trial.train.epochs * epoch_steps(trial.train, examples)))
    return replace(trial, train=replace(trial.train, steps=steps))


def with_fit_steps(trial: Trial) -> Trial:
    """The trial of a fit with its epochs counted in steps: every step sees all points of the signal."""
    steps = trial.train.steps or max(1, round(trial.train.epochs))
    return replace(trial, train=replace(trial.train, steps=steps))


def subset_size(train: Hyperparameters, examples: int) -> int:
    """Training examples that a net sees."""
    return max(1, round(train.fraction * examples))


def epoch_steps(train: Hyperparameters, examples: int) -> float:
    """Steps that one pass takes."""
    return subset_size(train, examples) / train.batch_size
