"""What a start is worth: accuracy before any training, after one epoch, and after training to the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import Dataset
from weightspace.generators.fresh import Fresh
from weightspace.nets import Architecture
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.lastlayer import finish_nets
from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.statistics import fit_statistics
from weightspace.zoo.folder.spaces import trace_architecture
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.lsuv import scale_layers
from weightspace.zoo.train.optimizer import StackedOptimizer, learning_rates

BATCH = 32
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
Weights = dict[str, Tensor]


def grid(schedule: str, steps: int) -> tuple[Hyperparameters, ...]:
    """The optimizers and rates of which every start gets the one that is best on validation examples."""
    adam = [Hyperparameters("adam", lr=lr, schedule=schedule, steps=steps) for lr in (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)]
    sgd = [Hyperparameters("sgd", lr=lr, momentum=0.9, schedule=schedule, steps=steps) for lr in (0.01, 0.03, 0.1, 0.3)]
    return (*sgd, *adam)


@dataclass(frozen=True)
class Trained:
    """Accuracy of nets along their training, every start with the settings that are best for all starts together.

    Args:
        test: mean over the starts on test examples before training and after each epoch, ``[epochs + 1]``, at every
            epoch with the settings that validation picks for it.
        last: of each start after the last epoch, ``[starts]``.
        picked: the settings after the last epoch.
    """

    test: Float[Tensor, " epochs"]
    last: Float[Tensor, " starts"]
    picked: Hyperparameters


def train_from(
    architecture: Architecture, starts: Weights, data: Dataset, epochs: int, schedule: str, seed: int = 0
) -> Trained:
    """Train every start with every setting of the grid, stacked."""
    steps = epochs * (len(data.x_train) // BATCH)
    settings, nets = grid(schedule, steps), len(next(iter(starts.values())))
    trains = [train for train in settings for _ in range(nets)]
    stack = {name: t.repeat(len(settings), *[1] * (t.ndim - 1)) for name, t in starts.items()}
    found = [accuracies(architecture, stack, data)]
    found += [accuracies(architecture, now, data) for now in after_epochs(architecture, stack, trains, data, seed)]
    val, test = (torch.stack(part).unflatten(1, (len(settings), -1)) for part in zip(*found, strict=True))
    best = val.mean(2).argmax(1)
    kept = test[torch.arange(len(test)), best]
    return Trained(kept.mean(1), kept[-1], settings[int(best[-1])])


def after_epochs(
    architecture: Architecture, stack: Weights, trains: Sequence[Hyperparameters], data: Dataset, seed: int = 0
) -> Iterator[Weights]:
    """A stack of nets after every epoch of training, each net with settings of its own, all with the same batches."""
    net, source = architecture.build(), torch.Generator().manual_seed(seed)
    layout, passes = FlatLayout.of(net), len(data.x_train) // BATCH
    flat, buffers = layout.rows(stack), {name: stack[name].clone() for name in layout.buffers}
    optimizer = StackedOptimizer.start(list(trains), layout.mask(layout.matrices), flat)
    for epoch in range(trains[0].steps // passes):
        order = torch.randperm(len(data.x_train), generator=source)[: passes * BATCH]
        for step, batch in enumerate(order.split(BATCH), 1 + epoch * passes):
            leaf = flat.detach().requires_grad_()
            logits = run_stack(net.train(), {**layout.views(leaf), **buffers}, data.x_train[batch])
            losses = cross_entropies(logits, data.y_train[batch]).mean(1)
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
            rates = learning_rates(list(trains), torch.full((len(trains),), step)).unsqueeze(1)
            optimizer.step(flat, gradient.nan_to_num(0.0, 0.0, 0.0), rates.float(), step)
        yield {**layout.views(flat), **buffers}


@torch.no_grad()
def accuracies(architecture: Architecture, weights: Weights, data: Dataset) -> tuple[Tensor, Tensor]:
    """Accuracy of a stack on validation and on test examples, batch norms with statistics of the training examples."""
    net = architecture.build().eval()
    weights, found = fit_statistics(net, weights, data.x_train), []
    for part in ("val", "test"):
        inputs, labels = data.part(part)
        found.append((run_stack(net, weights, inputs).argmax(2) == labels).float().mean(1))
    return found[0], found[1]


def solve_last(architecture: Architecture, weights: Weights, data: Dataset) -> Weights:
    """The stack with its last layer solved on the training examples, as a refiner's nets are (`finish_nets`).

    The penalty is the one of `RIDGES` that is best on validation examples for all nets together.
    """
    net, space = architecture.build().eval(), trace_architecture(architecture)
    tried = [finish_nets(net, space, weights, data.x_train, data.y_train, ridge) for ridge in RIDGES]
    return max(tried, key=lambda solved: float(accuracies(architecture, solved, data)[0].mean()))


def lsuv(architecture: Architecture, nets: int, data: Dataset, seed: int) -> Weights:
    """Orthonormal starts whose layers have outputs of variance 1 on training examples (`scale_layers`)."""
    space = trace_architecture(architecture)
    drawn = Fresh.for_spaces(space, init="orthogonal").sample(space, nets, seed=seed)
    found = []
    for number in range(nets):
        net = architecture.build().eval()
        net.load_state_dict({name: tensor[number] for name, tensor in drawn.items()})
        scale_layers(net, data.x_train)
        found.append({name: tensor.detach().clone() for name, tensor in net.state_dict().items()})
    return {name: torch.stack([one[name] for one in found]) for name in drawn}


def steps_to_level(curve: Sequence[float], level: float) -> float:
    """The epoch at which a curve first reaches a level, between epochs on the straight line; infinite if never."""
    for epoch, value in enumerate(curve):
        if value >= level:
            before = curve[epoch - 1] if epoch else value
            return float(epoch) if value == before else epoch - (value - level) / (value - before)
    return float("inf")
