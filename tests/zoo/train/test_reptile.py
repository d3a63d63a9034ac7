"""A learned start fits new signals sooner than a draw does, and depends on the recipe alone."""

import torch

from weightspace.data import load_signals
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo import Recipe
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.descent import descend
from weightspace.zoo.train.gradient import fit_gradient
from weightspace.zoo.train.initial import draw_weights
from weightspace.zoo.train.reptile import learn_start

RECIPE = {
    "name": "started",
    "nets": 2,
    "data": {"name": "digits"},
    "net": {"name": "siren", "hidden": [8], "w0": 10.0, "w0_hidden": 10.0},
    "train": {"lr": 1e-3, "steps": 5},
}


def test_a_learned_start_is_nearer_to_signals_that_it_has_not_seen():
    signals, trial = load_signals("digits"), draw_trial(Recipe.from_dict(RECIPE), 0)
    net = trial.architecture.build()
    gradient, fit = fit_gradient(net, signals.coordinates), Fit(meta_steps=20, meta_lr=1e-2)
    start = learn_start(trial, gradient, signals, fit)
    assert torch.equal(start, learn_start(draw_trial(Recipe.from_dict(RECIPE), 1), gradient, signals, fit))
    drawn = draw_weights(net, FlatLayout.of(net), trial, signals.coordinates[:256])
    targets, train = signals.values[signals.parts == 2][:8], Hyperparameters(lr=1e-2, steps=5)
    after = {
        name: gradient.loss(descend(gradient, row.repeat(8, 1), targets, train)[0], targets).mean()
        for name, row in (("learned", start), ("drawn", drawn))
    }
    assert after["learned"] < 0.8 * after["drawn"]
