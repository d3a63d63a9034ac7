"""Train a refiner through the loss of the nets that it writes."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.data import Dataset
from weightspace.generators.draws import Draws
from weightspace.generators.marks import draw_places
from weightspace.generators.refiner import Refiner
from weightspace.nets import Architecture
from weightspace.nets.stacked.lastlayer import last_features, last_layer, solve_layer
from weightspace.nets.stacked.losses import cross_entropies
from weightspace.nets.stacked.run import run_stack
from weightspace.zoo.folder.spaces import trace_architecture

STRENGTH_RATE = 5.0
"""How much faster than the metanet the factors before its changes learn: they have to come from zero to one."""

SOLVER_STEPS = 4
"""Of Newton's method in training, where the gradient goes through each."""


@dataclass(frozen=True)
class RefinerTraining:
    """How a refiner is trained.

    Args:
        steps: of Adam, each on one architecture.
        nets: written in each step.
        batch: examples on which each of them is judged.
        support: other examples, on which it takes steps of descent and its last layer is solved, if the refiner keeps
            examples. Half of the time all steps are taken, else so many as is drawn.
        learning_rate: after a warmup, falling to 0 along a cosine.
        minutes: at most; the cosine then ends earlier.
        warmup: steps.
        average: of the parameters over steps, exponential.
        seed: of everything random.
    """

    steps: int = 100_000
    nets: int = 4
    batch: int = 200
    support: int = 800
    learning_rate: float = 2e-3
    minutes: float = 28.0
    warmup: int = 100
    average: float = 0.995
    seed: int = 0


def train_refiner(
    refiner: Refiner,
    architectures: Sequence[Architecture],
    data: Dataset,
    config: RefinerTraining,
    told: Callable[[int, float, float], object] = lambda *_: None,
) -> Refiner:
    """Make small the mean loss, on training examples, of nets that the refiner writes; no net is trained by itself.

    Every step draws an architecture, noise for some nets of it, and examples. Batch norms see the statistics of the
    batch. A step whose gradient isn't finite is left out. It is trained where it lies, with numbers drawn on the CPU.

    Args:
        told: hears every hundred steps the step, the mean loss since then, and the seconds.
    """
    source = torch.Generator().manual_seed(config.seed)
    inner = list(refiner.metanet.parameters()) if refiner.metanet else []
    factors = [p for p in refiner.parameters() if all(p is not other for other in inner)]
    optimizer = torch.optim.Adam([{"params": inner}, {"params": factors}], config.learning_rate, betas=(0.9, 0.98))
    averaged = {name: p.detach().clone() for name, p in refiner.named_parameters()}
    began, losses = time.monotonic(), []
    refiner.train()
    for step in range(config.steps):
        done = max(step / config.steps, (time.monotonic() - began) / (60 * config.minutes))
        if done >= 1:
            break
        warm = min(1.0, (step + 1) / config.warmup)
        rate = warm * config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        for group, factor in zip(optimizer.param_groups, (1.0, STRENGTH_RATE), strict=True):
            group["lr"] = factor * rate
        architecture = architectures[int(torch.randint(len(architectures), (1,), generator=source))]
        loss = written_loss(refiner, architecture, data, config, source).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        if bool(norm.isfinite()):
            optimizer.step()
        for name, p in refiner.named_parameters():
            averaged[name].lerp_(p.detach(), 1 - min(config.average, (step + 1) / (step + 10)))
        losses.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            told(step + 1, sum(losses) / len(losses), time.monotonic() - began)
            losses = []
    refiner.load_state_dict({**refiner.state_dict(), **averaged})
    return refiner.eval()


def written_loss(
    refiner: Refiner, architecture: Architecture, data: Dataset, config: RefinerTraining, source: torch.Generator
) -> Float[Tensor, " nets"]:
    """Cross-entropy of nets that the refiner writes from fresh noise, each on the same examples."""
    space, net = trace_architecture(architecture), architecture.build().train()
    draws = Draws(int(torch.randint(2**31, (1,), generator=source)), 0, config.nets, refiner.device)
    noise = refiner.start.draw(space, draws, torch.zeros(config.nets, 0), None)
    weights = refiner.refine(space, noise, draw_places(space, draws))
    some = torch.randperm(len(data.x_train), generator=source)[: config.support + config.batch]
    inputs, labels = data.x_train[some].to(refiner.device), data.y_train[some].to(refiner.device)
    judged = slice(len(some) - config.batch, None)
    if refiner.takes_net:
        known = slice(0, config.support)
        most = refiner.config.descents
        drawn = int(torch.randint(2 * most + 1, (1,), generator=source))
        weights = refiner.descend(space, net, weights, inputs[known], labels[known], min(drawn, most))
        logits = solved_logits(refiner, weights, net, last_layer(space), inputs, labels[: -config.batch])[:, judged]
    else:
        logits = run_stack(net, weights, inputs[judged])
    return cross_entropies(logits, labels[judged]).mean(1)


def solved_logits(
    refiner: Refiner, weights: dict[str, Tensor], net: nn.Module, last: str, inputs: Tensor, labels: Tensor
) -> Float[Tensor, "nets inputs classes"]:
    """What nets answer whose last layer is solved on the first inputs, those that have labels; differentiable."""
    features = last_features(net, weights, last, inputs)
    classes = weights[f"{last}.weight"].shape[1]
    known = features[:, : len(labels)]
    weight, bias = solve_layer(known, labels, classes, refiner.log_ridge.exp(), SOLVER_STEPS)
    return features @ weight.mT + bias[:, None]
