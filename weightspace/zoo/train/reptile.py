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
from weightspace.zoo.train.initial import draw_weights
from weightspace.zoo.train.native.siren import NativeSirenGradient
from weightspace.zoo.train.optimizer import StackedOptimizer
from weightspace.zoo.train.plain_gradient import PlainGradient
from weightspace.zoo.train.siren_gradient import SirenGradient

STACK, INNER, PACE = 16, 16, 0.3


def learn_start(
    trial: Trial, gradient: NativeSirenGradient | SirenGradient | PlainGradient, signals: Signals, fit: Fit
) -> Float[Tensor, " parameters"]:
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
    mask = layout.mask(layout.matrices)
    lr = torch.full((STACK, 1), fit.meta_lr, device=device)
    for _ in range(fit.meta_steps):
        flat = start.repeat(STACK, 1)
        targets = signals.values[torch.from_numpy(rng.choice(able, STACK))].to(device)
        optimizer = StackedOptimizer.start([train] * STACK, mask.to(device), flat)
        for step in range(INNER):
            optimizer.step(flat, gradient(flat, targets)[0], lr, step + 1)
        start = start + PACE * (flat.mean(0) - start)
    return start
