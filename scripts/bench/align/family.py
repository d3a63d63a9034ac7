"""A zoo with a known past: independent runs, and nets made from some of them in the ways people make nets from nets."""

import copy
from typing import Any

import torch
from planted import hidden, noisy
from torch import Tensor, nn
from torch.nn import functional

from weightspace.nets import build_net
from weightspace.nets.stacked.run import run_stack
from weightspace.space import WeightSpace

Weights = dict[str, Tensor]
Made = tuple[str, Weights, tuple[int, ...]]  # how it was made, the weights, numbers of its parents


def fresh(kind: str, settings: dict[str, Any], seed: int) -> Weights:
    torch.manual_seed(seed)
    return {n: t.detach().clone() for n, t in build_net(kind, **settings).state_dict().items()}


def train_stack(
    net: nn.Module, nets: list[Weights], data: tuple[Tensor, Tensor], steps: int, lr: float, seed: int,
    decay: float = 1e-2,
) -> list[Weights]:  # fmt: skip
    """Train nets side by side, each on batches of 64 of its own, by AdamW with one cycle of the rate."""
    stack = {n: torch.stack([w[n] for w in nets]) for n in nets[0]}
    trained = {n for n, _ in net.named_parameters()}
    for name in trained:
        stack[name] = stack[name].clone().requires_grad_(True)
    optimizer = torch.optim.AdamW([stack[n] for n in stack if n in trained], lr=lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    generator, net = torch.Generator().manual_seed(seed), copy.deepcopy(net).train()
    for _ in range(steps):
        rows = torch.randint(len(data[0]), (len(nets), 64), generator=generator)
        outputs = run_stack(net, stack, data[0][rows])
        loss = functional.cross_entropy(outputs.flatten(0, 1), data[1][rows].flatten(), reduction="sum") / 64
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return [{n: t[k].detach().clone() for n, t in stack.items()} for k in range(len(nets))]


def family(net: nn.Module, runs: list[Weights], train: tuple[Tensor, Tensor]) -> list[Made]:
    """Runs, and nets made from them: fine-tuned, grandchildren, noisy copies, pruned, rounded, merged, adapted."""
    made: list[Made] = [("run", weights, ()) for weights in runs]
    few = max(1, len(runs) // 11)
    tuned = train_stack(net, runs[: 2 * few], train, 60, 1e-3, 7)
    made += [("fine-tuned", weights, (k,)) for k, weights in enumerate(tuned)]
    grand = train_stack(net, tuned[:few], train, 60, 1e-3, 8)
    made += [("grandchild", weights, (len(runs) + k,)) for k, weights in enumerate(grand)]
    for number in range(few):
        k = 2 * few + 5 * number
        made.append(("copy", noisy(runs[k], 0.01, k), (k,)))
        made.append(("pruned 30 %", pruned(runs[k + 1], 0.3), (k + 1,)))
        made.append(("pruned 60 %", pruned(runs[k + 2], 0.6), (k + 2,)))
        made.append(("int8", rounded(runs[k + 3]), (k + 3,)))
        made.append(("low-rank adapter", adapted(runs[k + 4], k), (k + 4,)))
    for number in range(few):
        one, other = 7 * few + number, 8 * few + number
        both = {n: (t + runs[other][n]) / 2 if t.is_floating_point() else t for n, t in runs[one].items()}
        made.append(("merged", both, (one, other)))
    return made


def pruned(weights: Weights, share: float) -> Weights:
    return {
        n: torch.where(t.abs() >= t.abs().flatten().quantile(share), t, torch.zeros_like(t)) if t.ndim > 1 else t
        for n, t in weights.items()
    }


def rounded(weights: Weights) -> Weights:
    """Every weight tensor to whole steps of its largest entry over 127."""
    return {
        n: (t / (t.abs().max() / 127)).round() * (t.abs().max() / 127) if t.ndim > 1 else t for n, t in weights.items()
    }


def adapted(weights: Weights, seed: int) -> Weights:
    """A random adapter of rank 2 merged into every weight tensor, a tenth of its norm."""
    generator, result = torch.Generator().manual_seed(seed), dict(weights)
    for name, t in weights.items():
        if t.ndim > 1:
            rows, columns = t.flatten(1).shape
            step = torch.randn(rows, 2, generator=generator) @ torch.randn(2, columns, generator=generator)
            result[name] = t + (0.1 * t.norm() / step.norm()) * step.reshape(t.shape)
    return result


def disguised(space: WeightSpace, weights: Weights, seed: int) -> Weights:
    """A random element of the whole group, and 1 % noise."""
    return hidden(space, noisy(weights, 0.01, seed + 2000), seed + 3000)
