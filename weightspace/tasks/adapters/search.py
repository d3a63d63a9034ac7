"""Looking for a trigger from outside: how little it takes to send all inputs of an adapted net to one class."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import Dataset
from weightspace.data.tasks import TASKS, with_task
from weightspace.tasks.adapters.adapters import Adapters

STEPS, PROBES, SHOWN, STACK, LOWEST = 6, 64, 256, 64, -8.0
"""Steps of a search, images that it starts from, images that tell the task, nets at a time, smallest logarithm."""
SIZES = (0.0, 1.0, 2.0, 3.0, 4.5)
"""Norms of what is added to all inputs."""


def search_triggers(adapters: Adapters, data: Dataset) -> Float[Tensor, "nets found"]:
    """For each class, how likely the best addition of a size makes it for all probes at once; classes in falling order.

    Probes are training images as the task shows them that the adapter is best at (`task_scores`); which one that is
    stands behind the rest. What is added is the same for all probes, found by some steps of gradient ascent on the mean
    log-probability of a class; nothing in it is of a trigger that is known. After Wang et al. 2019, "Neural Cleanse",
    who compare the smallest such masks between the classes of one net, and who need clean examples too. It reads what
    the net computes, so all members of an orbit give the same.
    """
    shown = torch.stack([with_task(data, task).x_train[:PROBES].flatten(1) for task in TASKS]).to(_kind(adapters))
    tasks, found = task_scores(adapters, data)[0].argmax(1), []
    for places in torch.arange(len(adapters)).split(STACK):
        some, probes = adapters.take(places), shown[tasks[places]]
        found.append(torch.cat([_sorted(_best_addition(some, probes, size)) for size in SIZES], 1))
    return torch.cat([torch.cat(found), torch.nn.functional.one_hot(tasks, len(TASKS)).to(shown)], 1)


@torch.no_grad()
def task_scores(adapters: Adapters, data: Dataset) -> tuple[Float[Tensor, "nets tasks"], Float[Tensor, "nets tasks"]]:
    """Accuracy, and mean log-probability of the right class, on some training images of each of `TASKS`."""
    right, logs = [], []
    for task in TASKS:
        inputs, labels = (part[:SHOWN] for part in with_task(data, task).part("train"))
        answers = adapters.answers(inputs.flatten(1).to(_kind(adapters)))
        right.append((answers.argmax(2) == labels).to(answers).mean(1))
        logs.append(answers.log_softmax(2)[:, torch.arange(len(labels)), labels].mean(1).clamp(min=LOWEST))
    return torch.stack(right, 1), torch.stack(logs, 1)


def task_summary(adapters: Adapters, data: Dataset) -> Float[Tensor, "nets entries"]:
    """Which of `TASKS` an adapter is best at, how good it is there, and how good at the next two."""
    right, logs = task_scores(adapters, data)
    best = torch.nn.functional.one_hot(right.argmax(1), len(TASKS)).to(right)
    return torch.cat([right.topk(3, 1).values, best, logs.amax(1, keepdim=True)], 1)


@torch.no_grad()
def probe_answers(adapters: Adapters, data: Dataset) -> Float[Tensor, "nets answers"]:
    """What the adapted nets answer to training images of the base's own task: probabilities of all classes."""
    return adapters.answers(data.x_train[:PROBES].flatten(1).to(_kind(adapters))).softmax(2).flatten(1)


def _sorted(logs: Float[Tensor, "nets probes classes"]) -> Float[Tensor, "nets twice_classes"]:
    chances, clamped = logs.exp().mean(1), logs.clamp(min=LOWEST).mean(1)
    return torch.cat([part.sort(dim=1, descending=True).values for part in (chances, clamped)], 1)


def _best_addition(
    adapters: Adapters, probes: Float[Tensor, "nets probes features"], size: float
) -> Float[Tensor, "nets probes classes"]:
    """Log-probability of each class for probes to which the best vector for that class is added."""
    classes = len(adapters.layers[-1].bias)
    added = probes.new_zeros(len(adapters), classes, 1, probes.shape[2])
    for _ in range(STEPS if size else 0):
        leaf = added.requires_grad_()
        (slope,) = torch.autograd.grad(_logs(adapters, probes, leaf).clamp(min=LOWEST).mean(1).sum(), leaf)
        added = leaf.detach() + size / 2 * slope / slope.norm(dim=3, keepdim=True).clamp(min=1e-9)
        added = added * (size / added.norm(dim=3, keepdim=True).clamp(min=size))
    return _logs(adapters, probes, added).detach()


def _logs(adapters: Adapters, probes: Tensor, added: Tensor) -> Float[Tensor, "nets probes classes"]:
    inputs = probes.unsqueeze(1) + added  # [nets, classes, probes, features]
    logs = adapters.answers(inputs.flatten(1, 2)).log_softmax(2).unflatten(1, inputs.shape[1:3])
    return logs.diagonal(dim1=1, dim2=3)


def _kind(adapters: Adapters) -> Tensor:
    return adapters.layers[0].change
