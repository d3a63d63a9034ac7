"""Which training examples a net sees, and in which order."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.zoo.recipe.seeds import draw_seed
from weightspace.zoo.recipe.trial import Trial, subset_size

BLOCK = 2048


def draw_subset(trial: Trial, examples: int) -> np.ndarray:
    """The training examples that a net uses: the first part of a shuffle of its own, so fractions are nested."""
    return _rng(trial, "subset").permutation(examples)[: subset_size(trial.train, examples)]


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
        while len(self.stream) - self.position < count:
            self.block += 1
            keys = _rng(self.trial, f"order {self.block}").random((self.passes, len(self.subset)), dtype=np.float32)
            fresh = self.subset[keys.argsort(axis=1, kind="stable")].ravel()
            self.stream = np.concatenate([self.stream[self.position :], fresh])
            self.position = 0
        self.position += count
        return torch.from_numpy(self.stream[self.position - count : self.position])


def draw_labels(trial: Trial, labels: Int[Tensor, " examples"], classes: int) -> Int[Tensor, " examples"]:
    """Training labels with a share of ``label_noise`` drawn anew."""
    if not trial.train.label_noise:
        return labels
    rng = _rng(trial, "label noise")
    noisy = torch.from_numpy(rng.random(len(labels)) < trial.train.label_noise)
    return torch.where(noisy, torch.from_numpy(rng.integers(classes, size=len(labels))), labels)


def _rng(trial: Trial, key: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(draw_seed(trial.seed, trial.net, key)))
