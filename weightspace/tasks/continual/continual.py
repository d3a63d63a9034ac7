"""Learning tasks one after the other, and keeping the weights that were written for earlier ones."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.tasks.continual.streams import StreamTask, TaskStream
from weightspace.tasks.continual.taskhypernetwork import TaskHypernetwork


@dataclass(frozen=True)
class ContinualConfig:
    """How a stream of tasks is learned.

    Args:
        steps: for each task.
        batch: examples a step.
        rate: of Adam, which begins anew for each task and ends with a cosine.
        keep: strength of the penalty on changes of what is written for earlier tasks.
        rehearsed: earlier tasks whose weights are compared in a step, drawn at random; ``0`` forgets.
        seed: of all random numbers.

    Raises:
        ValueError: a number out of its range.
    """

    steps: int = 1000
    batch: int = 128
    rate: float | int = 1e-3
    keep: float | int = 1.0
    rehearsed: int = 4
    seed: int = 0

    def __post_init__(self):
        for name, lowest in (("steps", 1), ("batch", 1), ("keep", 0), ("rehearsed", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name} must be {lowest} or more, got {getattr(self, name)}.")
        if self.rate <= 0:
            raise ValueError(f"rate must be above 0, got {self.rate}.")


Shown = Callable[[Iterable[int]], Iterable[int]]
Accuracies = Float[Tensor, "after task"]
"""Accuracy on every task seen so far, after each task; NaN where it wasn't seen yet."""


def learn_continually(
    net: TaskHypernetwork, stream: TaskStream, config: ContinualConfig, part: str = "test", shown: Shown = iter
) -> Accuracies:
    r"""Learns every task of a stream with its examples alone.

    While task $t$ is learned, the loss has a term $\frac{\beta}{|S|}\sum_{s \in S} \|\theta^*(e_s) - \theta(e_s)\|^2$
    for the weights written for earlier tasks $s$, with $\theta^*$ those before task $t$: von Oswald et al. 2020,
    equation 2, without their look-ahead, with some tasks drawn a step and the embeddings of earlier tasks fixed.

    Args:
        part: on which accuracy is measured.
        shown: wraps the steps of all tasks, to show progress.

    Raises:
        ValueError: the net has weights for fewer tasks than the stream holds, or a loss isn't finite.
    """
    if len(net.embeddings) < len(stream.tasks):
        raise ValueError(
            f"The net must have {len(stream.tasks)} tasks as {stream.name} has, got {len(net.embeddings)}."
        )
    found = torch.full((len(stream.tasks), len(stream.tasks)), torch.nan)
    steps = iter(shown(range(config.steps * len(stream.tasks))))
    generator = torch.Generator().manual_seed(config.seed)
    for task, current in enumerate(stream.tasks):
        before = net.as_it_is()

        def loss(current: StreamTask = current, task: int = task, before: TaskHypernetwork = before) -> Tensor:
            earlier = torch.randperm(task, generator=generator)[: config.rehearsed].tolist()
            weights = net.weights([task, *earlier])
            x, y = current.batch(config.batch, generator)
            fit = functional.cross_entropy(net.run({name: w[0] for name, w in weights.items()}, x), y)
            return fit + config.keep * changed(before, weights, earlier) if earlier else fit

        descend(net.learned_for(task), loss, config, steps)
        with torch.no_grad():
            for seen in range(task + 1):
                found[task, seen] = accuracy(lambda x, seen=seen: net(x, seen), stream.tasks[seen], part)
    return found


def changed(before: TaskHypernetwork, weights: dict[str, Tensor], earlier: Sequence[int]) -> Tensor:
    """Squared distance between the weights of earlier tasks as they were and as they are, a task's mean.

    Args:
        weights: ``[1 + earlier, *shape]``; those of the current task come first.
    """
    with torch.no_grad():
        wanted = before.weights(earlier)
    return torch.stack([(weights[name][1:] - wanted[name]).square().sum() for name in wanted]).sum() / len(earlier)


def descend(
    parameters: Sequence[nn.Parameter], loss: Callable[[], Tensor], config: ContinualConfig, steps: Iterable[int]
) -> None:
    """Adam with a cosine, for the steps of one task.

    Raises:
        ValueError: a loss isn't finite.
    """
    optimizer = torch.optim.Adam(parameters, lr=config.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for step, _ in zip(range(config.steps), steps):
        value = loss()
        if not torch.isfinite(value):
            raise ValueError(f"Losses must be finite, got {float(value)} in step {step} of a task; lower the rate.")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()


def accuracy(outputs: Callable[[Tensor], Tensor], task: StreamTask, part: str) -> float:
    """Share of a part's examples whose class is right."""
    x, y = task.examples(part, slice(None))
    return float(torch.cat([outputs(some).argmax(1) for some in x.split(2000)]).eq(y).double().mean())
