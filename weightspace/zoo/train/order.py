"""Which training examples a net sees, and in which order."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.zoo.recipe.seeds import draw_seed
from weightspace.zoo.recipe.trial import Trial, subset_size

BLOCK = 2048
SORTED = 256
"""Nets whose passes are sorted at once."""


def draw_subset(trial: Trial, examples: int) -> np.ndarray:
    """The training examples that a net uses: the first part of a shuffle of its own, so fractions are nested."""
    return trial_rng(trial, "subset").permutation(examples)[: subset_size(trial.train, examples)]


class Order:
    """An endless stream of shuffled passes over a net's training examples, cut into batches without gaps."""

    def __init__(self, trial: Trial, examples: int):
        self.trial = trial
        self.subset = draw_subset(trial, examples)
        self.passes = max(1, BLOCK // len(self.subset))
        self.position, self.block = 0, -1
        self.stream = np.empty(0, dtype=np.int64)

    def take(self, count: int) -> Int[Tensor, " count"]:
        """The next ``count`` examples."""
        while self.lacks(count):
            self.extend(self.keys().argsort(axis=1, kind="stable"))
        self.position += count
        return torch.from_numpy(self.stream[self.position - count : self.position])

    def lacks(self, count: int) -> bool:
        """Whether fewer examples than that are in order already."""
        return len(self.stream) - self.position < count

    def keys(self) -> np.ndarray:
        """Numbers by which the next passes are sorted, ``[passes, examples]``; drawn once."""
        self.block += 1
        return trial_rng(self.trial, f"order {self.block}").random((self.passes, len(self.subset)), dtype=np.float32)

    def extend(self, ranks: np.ndarray) -> None:
        """Takes in the next passes: what sorts their keys, stably."""
        self.stream = np.concatenate([self.stream[self.position :], self.subset[ranks].ravel()])
        self.position = 0


def take_all(orders: Sequence[Order], count: int, device: str) -> Int[Tensor, "nets count"]:
    """The next examples of many nets, on the CPU.

    On another device keys are sorted there, many nets' at once: on one core, sorting is most of what an epoch costs
    outside of a GPU. A stable sort gives the same order everywhere.
    """
    waiting = [order for order in orders if torch.device(device).type != "cpu" and order.lacks(count)]
    while waiting:
        size = len(waiting[0].subset)
        some = [order for order in waiting if len(order.subset) == size][:SORTED]
        keys = torch.from_numpy(np.stack([order.keys() for order in some])).to(device)
        for order, ranks in zip(some, keys.argsort(dim=2, stable=True).cpu().numpy(), strict=True):
            order.extend(ranks)
        waiting = [order for order in waiting if order.lacks(count)]
    return torch.stack([order.take(count) for order in orders])


def draw_labels(trial: Trial, labels: Int[Tensor, " examples"], classes: int) -> Int[Tensor, " examples"]:
    """Training labels with a share of ``label_noise`` drawn anew."""
    if not trial.train.label_noise:
        return labels
    rng = trial_rng(trial, "label noise")
    noisy = torch.from_numpy(rng.random(len(labels)) < trial.train.label_noise)
    return torch.where(noisy, torch.from_numpy(rng.integers(classes, size=len(labels))), labels)


def trial_rng(trial: Trial, key: str) -> np.random.Generator:
    """Random numbers for one purpose of one net."""
    return np.random.Generator(np.random.Philox(draw_seed(trial.seed, trial.net, key)))
