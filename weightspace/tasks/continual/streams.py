"""Classification tasks that come one after the other."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.data import Dataset
from weightspace.data.dataset import PARTS


@dataclass(frozen=True, eq=False)
class StreamTask:
    """One task of a stream.

    Args:
        parts: ``train``, ``val`` and ``test``, each inputs ``[examples, features]`` and labels.
        order: in which the task sees the features, if not in their own.
    """

    parts: dict[str, tuple[Float[Tensor, "examples features"], Int[Tensor, " examples"]]]
    order: Int[Tensor, " features"] | None = None

    def examples(self, part: str, rows: Int[Tensor, " some"] | slice) -> tuple[Tensor, Tensor]:
        """Some inputs and labels of a part."""
        x, y = self.parts[part]
        return (x[rows] if self.order is None else x[rows][:, self.order]), y[rows]

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random training examples."""
        return self.examples("train", torch.randint(len(self.parts["train"][1]), (size,), generator=generator))


@dataclass(frozen=True, eq=False)
class TaskStream:
    """Tasks with the same inputs and the same number of classes, in the order in which they come."""

    name: str
    classes: int
    tasks: tuple[StreamTask, ...]

    @property
    def features(self) -> int:
        """Numbers of an input."""
        return self.tasks[0].parts["train"][0].shape[1]


def split_stream(data: Dataset, classes: int = 2) -> TaskStream:
    """Some classes a task: 0 and 1, then 2 and 3, and so on, labelled from 0 within each task.

    Raises:
        ValueError: the classes of the data can't be divided so.
    """
    if classes < 2 or data.classes % classes:
        raise ValueError(
            f"Classes a task must be 2 or more and divide the {data.classes} of {data.name}, got {classes}."
        )
    tasks = []
    for first in range(0, data.classes, classes):
        parts = {}
        for part in PARTS:
            x, y = data.part(part)
            own = (y >= first) & (y < first + classes)
            parts[part] = (x[own].flatten(1), y[own] - first)
        tasks.append(StreamTask(parts))
    return TaskStream(f"split-{data.name}", classes, tuple(tasks))


def permuted_stream(data: Dataset, tasks: int = 10, seed: int = 0) -> TaskStream:
    """All classes in every task, with the pixels in an order of its own; the first task has them as they are.

    Raises:
        ValueError: fewer tasks than one.
    """
    if tasks < 1:
        raise ValueError(f"Tasks must be 1 or more, got {tasks}.")
    parts = {part: (data.part(part)[0].flatten(1), data.part(part)[1]) for part in PARTS}
    generator, features = torch.Generator().manual_seed(seed), parts["train"][0].shape[1]
    orders = [None, *(torch.randperm(features, generator=generator) for _ in range(tasks - 1))]
    return TaskStream(f"permuted-{data.name}", data.classes, tuple(StreamTask(parts, order) for order in orders))


STREAMS: dict[str, Callable[..., TaskStream]] = {"split": split_stream, "permuted": permuted_stream}
"""Ways to make a stream of a dataset, by name."""
