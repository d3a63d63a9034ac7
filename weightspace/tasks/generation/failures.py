"""What goes wrong in silence when weights are generated."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.draws import Draws
from weightspace.generators.flow import CHUNK, Flow
from weightspace.space import WeightSpace
from weightspace.tasks.generation.stage import Weights

NEAR, STILL, FAST = 1e-3, 0.5, 2.0


def tensor_sizes(space: WeightSpace, weights: Mapping[str, Tensor]) -> dict[str, float]:
    """Root mean square of every parameter over a stack."""
    return {n: float(weights[n].double().square().mean().sqrt()) for n, s in space.tensors.items() if not s.buffer}


def duplicated_neurons(space: WeightSpace, weights: Mapping[str, Tensor]) -> float:
    """The share of neurons that are fed by the same weights as another neuron of their layer, to a thousandth.

    A map that sees the architecture alone gives all neurons of a layer the same weights.
    """
    same, neurons = 0, 0
    for name, spec in space.tensors.items():
        if spec.role != "weight" or spec.buffer or spec.target != (0,):
            continue
        rows = weights[name].flatten(2)
        gaps = torch.cdist(rows, rows) / rows.norm(dim=2).mean(1).clamp_min(1e-12)[:, None, None]
        gaps = gaps + torch.eye(rows.shape[1]) * 1e9
        same, neurons = same + int((gaps.min(2).values < NEAR).sum()), neurons + rows.shape[0] * rows.shape[1]
    return same / max(1, neurons)


def size_ratios(sizes: Mapping[str, float], usual: Mapping[str, float]) -> dict[str, float]:
    """Each tensor's root mean square in units of the zoo's own; honest samples lie between .9 and 1.1."""
    return {name: size / max(usual[name], 1e-12) for name, size in sizes.items()}


@torch.no_grad()
def velocity(
    flow: Flow, net: nn.Module | None, seen: Weights, starts: Weights | None, nets: int = 64, seed: int = 0
) -> float:
    """Mean norm of the flow's velocity along the way of new nets, over the mean norm of training's own.

    A way from start to net takes a time of 1, so training's velocity is trained weights minus start. Both are in units
    of each tensor's spread. Close to 1 for a flow that goes as far as training did.

    Args:
        net: to run, for a flow that keeps examples.
        seen: training nets. starts: what they were trained from; without it, and for a flow whose training nets all
            started alike (from noise), ways begin at noise.
    """
    draws = Draws(seed, 0, nets, flow.device)
    wanted = torch.full((nets, len(flow.config.prompts)), float("nan"), device=flow.device)
    net = net if flow.takes_net else None
    found = [_norms(flow, net, rows, wanted[: len(rows)]) for rows in flow.start(draws, wanted).split(CHUNK)]
    ends = flow.vectors.rows(seen).to(flow.device)
    if starts is None or not float(flow.starts.std(0).max()) > 0:
        some = torch.arange(len(ends)) % len(flow.starts)
        begins = flow.noise(torch.randn(ends.shape, generator=torch.Generator().manual_seed(seed)).to(ends), some)
    else:
        begins = flow.vectors.rows(starts).to(flow.device)
    usual = ((ends - begins) / flow.units()).norm(dim=1).mean()
    return float(torch.cat(found).mean() / usual)


def _norms(flow: Flow, net: nn.Module | None, rows: Tensor, wanted: Tensor) -> Float[Tensor, " nets"]:
    """The mean norm over the steps of every net's way."""
    steps, norms = flow.config.steps, []
    for step in range(steps):
        then = flow.lead(rows, wanted, net, steps, step + 1, first=step)
        norms.append(((then - rows) * steps / flow.units()).norm(dim=1))
        rows = then
    return torch.stack(norms).mean(0)


def called_by(ratio: float) -> tuple[str, ...]:
    """What a flow is called for its `velocity`: "stands still" or "runs away", or nothing."""
    return ("stands still",) if not ratio >= STILL else ("runs away",) if ratio > FAST else ()
