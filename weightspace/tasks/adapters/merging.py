"""Pairs of adapters, and whether the mean of the two still does what both were trained for."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.data import Dataset
from weightspace.data.tasks import with_task
from weightspace.tasks.adapters.adapters import Adapters

KEPT = 0.8
"""A pair merges where both tasks keep this share of their accuracy."""


def draw_pairs(adapters: Adapters, places: Int[Tensor, " nets"], count: int, seed: int) -> Int[Tensor, "pairs 2"]:
    """Pairs of different adapters among some; every other one of the same task, or telling tasks apart were enough."""
    rng = np.random.default_rng(seed)
    chosen, tasks = places.numpy(), np.array([adapters.rows[place]["task"] for place in places.tolist()])
    pairs = []
    while len(pairs) < count:
        first = int(rng.integers(len(chosen)))
        partners = np.flatnonzero(tasks == tasks[first]) if len(pairs) % 2 else np.arange(len(chosen))
        second = int(rng.choice(partners))
        if first != second:
            pairs.append((chosen[first], chosen[second]))
        elif len(partners) < 2:
            raise ValueError(f"Pairs need two adapters of a task at least, got one of {str(tasks[first])!r}.")
    return torch.from_numpy(np.array(pairs))


@torch.no_grad()
def kept_accuracy(adapters: Adapters, pairs: Int[Tensor, "pairs 2"], data: Dataset) -> Float[Tensor, "pairs"]:
    """Of the two tasks of each pair the smaller share of its test accuracy that the mean of both keeps."""
    merged, kept = adapters.merged(pairs), torch.ones(len(pairs))
    for side in (0, 1):
        tasks = [adapters.rows[place]["task"] for place in pairs[:, side].tolist()]
        for task in dict.fromkeys(tasks):
            rows = torch.tensor([row for row, other in enumerate(tasks) if other == task])
            own = torch.tensor([adapters.rows[place]["test_accuracy"] for place in pairs[rows, side].tolist()])
            inputs, labels = with_task(data, task).part("test")
            right = merged.take(rows).answers(inputs.flatten(1)).argmax(2) == labels
            kept[rows] = torch.minimum(kept[rows], right.float().mean(1) / own.clamp(min=1e-3))
    return kept
