"""What a start is worth: accuracy before any training, after one epoch, and after training to the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from weightspace.data import Dataset
from weightspace.generators.fresh import Fresh
from weightspace.nets import Architecture
from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.nets.stacked.lastlayer import finish_nets
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
    passes = len(data.x_train) // BATCH
    trains = [train for train in grid(schedule, epochs * passes) for _ in range(len(next(iter(starts.values()))))]
    settings = len(grid(schedule, 1))
    stack = {name: t.repeat(settings, *[1] * (t.ndim - 1)) for name, t in starts.items()}
    net, source = architecture.build(), torch.Generator().manual_seed(seed)
    layout = FlatLayout.of(net)
    flat, buffers = layout.rows(stack), {name: stack[name].clone() for name in layout.buffers}
    optimizer = StackedOptimizer.start(trains, layout.mask(layout.matrices), flat)
    found, step = [accuracies(architecture, {**layout.views(flat), **buffers}, data)], 0
    for _ in range(epochs):
        for batch in torch.randperm(len(data.x_train), generator=source)[: passes * BATCH].split(BATCH):
            step += 1
            leaf = flat.detach().requires_grad_()
            logits = run_stack(net.train(), {**layout.views(leaf), **buffers}, data.x_train[batch])
            target = data.y_train[batch].expand(len(flat), -1)
            losses = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none").mean(1)
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
            rates = learning_rates(trains, torch.full((len(trains),), step)).unsqueeze(1)
            optimizer.step(flat, gradient.nan_to_num(0.0, 0.0, 0.0), rates.float(), step)
        found.append(accuracies(architecture, {**layout.views(flat), **buffers}, data))
    val, test = (torch.stack(part).unflatten(1, (settings, -1)) for part in zip(*found, strict=True))
    best = val.mean(2).argmax(1)
    kept = test[torch.arange(len(test)), best]
    return Trained(kept.mean(1), kept[-1], grid(schedule, epochs * passes)[int(best[-1])])


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
