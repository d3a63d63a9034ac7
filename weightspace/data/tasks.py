"""What nets may be asked of labelled images besides their class: other labels, or the images seen in another way."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.data.dataset import Dataset

Images = Float[Tensor, "*batch channel height width"]


@dataclass(frozen=True)
class Task:
    """A change of the images, given their lowest and highest pixel, or of the labels, given the number of classes."""

    inputs: Callable[[Images, float, float], Images] = lambda x, low, high: x
    labels: Callable[[Int[Tensor, "..."], int], Int[Tensor, "..."]] = lambda y, classes: y


def scramble(x: Images) -> Images:
    """The pixels in another order, drawn once, the same for all images of a size."""
    order = torch.randperm(x.shape[-2] * x.shape[-1], generator=torch.Generator().manual_seed(0))
    return x.flatten(-2)[..., order.to(x.device)].reshape(x.shape)


TASKS: dict[str, Task] = {
    "plain": Task(),
    "rotated": Task(inputs=lambda x, low, high: x.rot90(1, (-2, -1))),
    "mirrored": Task(inputs=lambda x, low, high: x.flip(-1)),
    "inverted": Task(inputs=lambda x, low, high: low + high - x),
    "upside-down": Task(inputs=lambda x, low, high: x.flip(-2)),
    "scrambled": Task(inputs=lambda x, low, high: scramble(x)),
    "shifted": Task(labels=lambda y, classes: (y + 1) % classes),
    "swapped": Task(labels=lambda y, classes: torch.where(y ^ 1 < classes, y ^ 1, y)),
    "parity": Task(labels=lambda y, classes: y % 2),
    "large": Task(labels=lambda y, classes: (2 * y >= classes).long()),
}
"""The tasks by name: turned, mirrored, negative, upside-down or scrambled images; classes moved on by one, swapped in
pairs, odd against even, upper against lower half. ``plain`` changes nothing."""


@functools.lru_cache(maxsize=16)
def with_task(data: Dataset, name: str) -> Dataset:
    """The data as a task shows it.

    Raises:
        ValueError: the examples aren't square images, which every task but ``plain`` needs.
    """
    if name == "plain":
        return data
    check_images(data, f"task {name!r}")
    task, low, high = TASKS[name], float(data.x_train.min()), float(data.x_train.max())
    inputs = {f"x_{part}": task.inputs(data.part(part)[0], low, high) for part in ("train", "val", "test")}
    labels = {f"y_{part}": task.labels(data.part(part)[1], data.classes) for part in ("train", "val", "test")}
    return replace(data, **inputs, **labels)


def task_classes(name: str, classes: int) -> int:
    """How many classes of so many a task leaves."""
    return int(TASKS[name].labels(torch.arange(classes), classes).max()) + 1


def check_images(data: Dataset, what: str) -> None:
    """Refuses data that isn't of square images for what needs them."""
    shape = data.input_shape
    if len(shape) != 3 or shape[1] != shape[2] or not data.x_train.is_floating_point():
        raise ValueError(f"{what} needs square images [channel, size, size], but {data.name} has examples {shape}")
