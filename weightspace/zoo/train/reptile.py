"""A start that fits quickly, learned from the signals."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import Signals
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.seeds import draw_seed
from weightspace.zoo.recipe.trial import Trial
from weightspace.zoo.train.descent import descend
from weightspace.zoo.train.gradient import Gradient
from weightspace.zoo.train.initial import draw_weights

STACK, INNER, PACE = 16, 16, 0.3


def learn_start(trial: Trial, gradient: Gradient, signals: Signals, fit: Fit) -> Float[Tensor, " parameters"]:
    """Reptile: fits a stack of training signals for a few steps, moves towards the mean of the results, and again.

    ``start <- start + 0.3 (mean(fitted) - start)``, ``fit.meta_steps`` times, with 16 signals and 16 steps of Adam
    each. Nichol et al. 2018, "On first-order meta-learning algorithms", eq. 3. Depends on the
    recipe alone: the first draw is that of a shared init.
    """
    device = gradient.device
    net = trial.architecture.build()
    layout = FlatLayout.of(net)
    seed = draw_seed(trial.data_seed, -1, "meta")
    start = draw_weights(net, layout, replace(trial, init_seed=seed), signals.coordinates[:256]).to(device)
    rng = np.random.Generator(np.random.Philox(seed))
    able = torch.nonzero(signals.parts == 0).flatten().numpy()
    train = Hyperparameters(optimizer="adam", lr=fit.meta_lr, steps=INNER)
    for _ in range(fit.meta_steps):
        targets = signals.values[torch.from_numpy(rng.choice(able, STACK))].to(device)
        fitted, _ = descend(gradient, start.repeat(STACK, 1), targets, train)
        start = start + PACE * (fitted.mean(0) - start)
    return start
