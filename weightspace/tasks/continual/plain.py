"""Ways to learn a stream of tasks without a hypernetwork: what one that keeps earlier tasks is measured against."""

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.tasks.continual.continual import Accuracies, ContinualConfig, Shown, accuracy, descend
from weightspace.tasks.continual.streams import TaskStream

Make = Callable[[int], nn.Module]
"""A module with so many outputs."""


def separate(make: Make, stream: TaskStream, config: ContinualConfig, part: str, steps: Iterable[int]):
    """A net for each task: nothing to forget, and as many times the parameters."""
    generator, found = torch.Generator().manual_seed(config.seed), _unseen(stream)
    start, size = make(stream.classes), 0
    for number, task in enumerate(stream.tasks):
        net = copy.deepcopy(start)
        size += _size(net)

        def loss(net: nn.Module = net, number: int = number) -> Tensor:
            x, y = stream.tasks[number].batch(config.batch, generator)
            return functional.cross_entropy(net(x), y)

        descend(list(net.parameters()), loss, config, steps)
        with torch.no_grad():
            found[number:, number] = accuracy(net, task, part)
    return found, size


def finetuned(make: Make, stream: TaskStream, config: ContinualConfig, part: str, steps: Iterable[int]):
    """One net, trained on one task after the other, with outputs for each task of its own."""
    generator, found = torch.Generator().manual_seed(config.seed), _unseen(stream)
    net = make(stream.classes * len(stream.tasks))
    for number in range(len(stream.tasks)):

        def loss(number: int = number) -> Tensor:
            x, y = stream.tasks[number].batch(config.batch, generator)
            return functional.cross_entropy(_own(net, stream, number)(x), y)

        descend(list(net.parameters()), loss, config, steps)
        found[number, : number + 1] = _accuracies(net, stream, part)[: number + 1]
    return found, _size(net)


def joint(make: Make, stream: TaskStream, config: ContinualConfig, part: str, steps: Iterable[int]):
    """One net, trained on all tasks at once, a random one a step, for as many steps as all take one by one."""
    generator, found = torch.Generator().manual_seed(config.seed), _unseen(stream)
    net = make(stream.classes * len(stream.tasks))

    def loss() -> Tensor:
        number = int(torch.randint(len(stream.tasks), (1,), generator=generator))
        x, y = stream.tasks[number].batch(config.batch, generator)
        return functional.cross_entropy(_own(net, stream, number)(x), y)

    whole = ContinualConfig(steps=config.steps * len(stream.tasks), rate=config.rate)
    descend(list(net.parameters()), loss, whole, steps)
    found[-1] = _accuracies(net, stream, part)
    return found, _size(net)


PLAIN_WAYS = {"separate nets": separate, "one net, fine-tuned": finetuned, "one net, all tasks at once": joint}
"""Every way by name."""


def learn_plainly(
    way: str, make: Make, stream: TaskStream, config: ContinualConfig, part: str = "test", shown: Shown = iter
) -> tuple[Accuracies, int]:
    """Accuracies of one of `PLAIN_WAYS`, and the number of its parameters.

    Args:
        make: the net, from a number of outputs.
        part: on which accuracy is measured.
        shown: wraps the steps, to show progress.

    Raises:
        ValueError: an unknown way, or a loss that isn't finite.
    """
    if way not in PLAIN_WAYS:
        raise ValueError(f"The way must be one of {', '.join(PLAIN_WAYS)}, got {way!r}.")
    return PLAIN_WAYS[way](make, stream, config, part, iter(shown(range(config.steps * len(stream.tasks)))))


def _own(net: nn.Module, stream: TaskStream, number: int) -> Callable[[Tensor], Tensor]:
    """A task's outputs of a net with outputs for all."""
    return lambda x: net(x)[:, number * stream.classes : (number + 1) * stream.classes]


def _accuracies(net: nn.Module, stream: TaskStream, part: str) -> Tensor:
    with torch.no_grad():
        return torch.tensor([accuracy(_own(net, stream, k), task, part) for k, task in enumerate(stream.tasks)])


def _unseen(stream: TaskStream) -> Tensor:
    return torch.full((len(stream.tasks), len(stream.tasks)), torch.nan)


def _size(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
