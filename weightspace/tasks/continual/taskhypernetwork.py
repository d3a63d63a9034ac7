"""Weights as a function of a task."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.hypernetwork import hypernetize

APART = 3.0
"""Spread of embeddings before the sigmoid: most begin near 0 or 1, so that tasks change each other's weights little."""


class TaskHypernetwork(nn.Module):
    """A module with weights for each of several tasks, all written by one `Hypernetwork` from the task's embedding.

    von Oswald et al. 2020, "Continual learning with hypernetworks", section 2.

    Args:
        module: what is computed for every task.
        tasks: their number.
        embedding: numbers that say which task it is; learned.
        seed: of the embeddings, and of the hypernetwork's parameters.
        settings: of `Hypernetwork`; ``chained`` weights depend on those of earlier layers.

    Raises:
        ValueError: no task, an embedding without numbers, or settings that a `Hypernetwork` refuses.

    Example::

        net = TaskHypernetwork(module, tasks=5, entries=2000)
        out = net(x, task=3)
    """

    def __init__(
        self, module: nn.Module, tasks: int, embedding: int = 16, seed: int = 0, writer: str = "chunks", **settings: Any
    ):
        super().__init__()
        if tasks < 1 or embedding < 1:
            raise ValueError(f"Tasks and numbers of an embedding must be 1 or more, got {tasks} and {embedding}.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.names = [f"number {i}" for i in range(embedding)]
            self.net = hypernetize(module, self.names, writer=writer, **settings)
            self.embeddings = nn.ParameterList([APART * torch.randn(embedding) for _ in range(tasks)])

    def weights(self, tasks: Sequence[int]) -> dict[str, Tensor]:
        """The module's weights for some tasks.

        Shapes:
            out: ``[tasks, *shape]`` by name.

        Raises:
            ValueError: a task that it hasn't got.
        """
        for task in tasks:
            if not 0 <= task < len(self.embeddings):
                raise ValueError(f"Tasks must be from 0 to {len(self.embeddings) - 1}, got {task}.")
        numbers = torch.stack([self.embeddings[task] for task in tasks], 1).sigmoid()
        return self.net.weights(**dict(zip(self.names, numbers, strict=True)))

    def forward(self, x: Float[Tensor, "batch ..."], task: int) -> Tensor:
        """The module's output with the weights of a task."""
        return self.run({name: tensor[0] for name, tensor in self.weights([task]).items()}, x)

    def run(self, weights: dict[str, Tensor], x: Float[Tensor, "batch ..."]) -> Tensor:
        """The module's output with given weights of one net."""
        return torch.func.functional_call(self.net.module, weights, (x,))

    def learned_for(self, task: int) -> list[nn.Parameter]:
        """What is trained for a task: all but the embeddings of the others."""
        others = {id(p) for i, p in enumerate(self.embeddings) if i != task}
        return [p for p in self.parameters() if p.requires_grad and id(p) not in others]

    def size(self) -> int:
        """Numbers that must be kept to have the weights of all tasks."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def as_it_is(self) -> "TaskHypernetwork":
        """A copy that isn't trained on: it remembers the weights of earlier tasks."""
        return copy.deepcopy(self).requires_grad_(False)
