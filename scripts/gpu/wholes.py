"""The builder itself on noise: seconds for whole stacks of nets, draws, events and saved states included."""

import time

import torch
from rows import add_row

from weightspace.data import Dataset, Signals
from weightspace.zoo import Recipe
from weightspace.zoo.build.shards import FIT_NETS
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.trial import Trial, draw_trial
from weightspace.zoo.train.fit import StackFitter
from weightspace.zoo.train.train import StackTrainer

EPOCH = 469
"""Steps of an epoch of MNIST in batches of 128."""


def whole_fits(nets: int, steps: int, device: str) -> None:
    """So many fits of SIRENs, and what 70,000 would take."""
    trials = made_trials('name = "siren"', nets, f"lr = 5e-4\nsteps = {steps}")
    zeros = torch.zeros(nets, dtype=torch.long)
    signals = Signals("noise", (28, 28), "corners", torch.rand(nets, 1, 784), zeros, zeros)
    began = time.perf_counter()
    done = sum(1 for _ in StackFitter(trials, FIT_NETS[device], signals, Fit(), Save(), device).run())
    passed = time.perf_counter() - began
    add_row(case="builder, SIREN 28x28", nets=done, steps=steps, seconds=passed, for_70000=70_000 * passed / done)


def whole_trainings(nets: int, steps: int, device: str) -> None:
    """So many small CNNs for some steps, and what 10,000 of them would take for ten epochs of MNIST."""
    trials = made_trials(
        'name = "cnn"\nimage_size = 28\nstride = 2\npadding = "valid"',
        nets,
        f"lr = 1e-3\nsteps = {steps}\nbatch_size = 128",
    )
    x, y = torch.rand(4096, 1, 28, 28), torch.arange(4096) % 10
    data = Dataset("noise", 10, x, y, x[:512], y[:512], x[:512], y[:512])
    began = time.perf_counter()
    done = sum(1 for _ in StackTrainer(trials, data, Save(), device).run())
    passed = time.perf_counter() - began
    add_row(case="builder, CNN 28x28", nets=done, steps=steps, seconds=passed,
            for_10000_in_10_epochs=passed * 10_000 / done * 10 * EPOCH / steps)  # fmt: skip


def made_trials(net: str, nets: int, train: str) -> list[Trial]:
    """Trials of one net, drawn as a recipe's are."""
    recipe = Recipe.from_toml(
        f'name = "timed"\nnets = {nets}\n[data]\nname = "digits"\n[net]\n{net}\n[train]\noptimizer = "adam"\n{train}\n'
    )
    return [draw_trial(recipe, number) for number in range(nets)]
