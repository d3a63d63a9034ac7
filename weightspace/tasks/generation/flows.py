"""Train a flow on the weights of a zoo."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.generators.flow import Flow
from weightspace.generators.flows.gradients import Examples, answers

SHARP = 20.0
"""How much the soft accuracy of a net counts against the sizes of its tensors."""


@dataclass(frozen=True)
class FlowTraining:
    """How a flow is trained.

    Args:
        steps: of AdamW.
        batch: nets in each.
        learning_rate: at its highest, after 100 steps; falling to 0 along a cosine.
        minutes: at most; the cosine then ends earlier.
        answers: how much the answers count, beside the weights: the KL divergence of what the net that the flow sees
            answers to images from what the training net answers. Needs a net to run.
        own: how much nets count that the flow itself leads a part of the way, in ``own_steps`` steps: they should
            answer as well as the training net that was asked for, and have the sizes of its tensors. Needs a net, too.
        own_steps: from start to net.
        images: on which answers and gradients are compared in each step.
        dropped: share of nets whose prompt is left out.
        average: of the parameters over steps, which is kept.
        check: steps between looks at held-out lineages, whose error picks the parameters.
        seed: of everything random.
    """

    steps: int = 4000
    batch: int = 64
    learning_rate: float = 1e-3
    minutes: float = 10.0
    answers: float = 1.0
    own: float = 0.0
    own_steps: int = 10
    images: int = 128
    dropped: float = 0.1
    average: float = 0.995
    check: int = 200
    seed: int = 0


@dataclass(frozen=True, eq=False)
class FlowNets:
    """Nets that a flow learns from, or is picked by.

    Args:
        weights: stacked.
        prompts: properties that can be asked for.
        starts: what each net was trained from; without it every step draws noise.
    """

    weights: Mapping[str, Tensor]
    prompts: Mapping[str, Tensor] = field(default_factory=dict)
    starts: Mapping[str, Tensor] | None = None

    def rows(self, flow: Flow) -> tuple[Tensor, Tensor, Tensor | None]:
        """Weights, prompts and starts as matrices, a row a net, where the flow lies."""
        weights = flow.vectors.rows(self.weights).to(flow.device)
        asked = [value.float() for value in self.prompts.values()]
        prompts = torch.stack(asked, 1) if asked else torch.zeros(len(weights), 0)
        starts = None if self.starts is None else flow.vectors.rows(self.starts).to(flow.device)
        return weights, prompts.to(flow.device), starts


@dataclass(frozen=True, eq=False)
class Sight:
    """What it takes to run nets: one of the architecture in evaluation mode, and labelled images."""

    net: nn.Module
    examples: Examples

    def some(self, count: int, source: torch.Generator) -> Examples:
        """Images drawn at random, with their labels."""
        rows = torch.randint(len(self.examples[0]), (count,), generator=source)
        return self.examples[0][rows], self.examples[1][rows]


def train_flow(
    flow: Flow,
    seen: FlowNets,
    held: FlowNets,
    config: FlowTraining,
    told: Callable[[int, float], object] = lambda *_: None,
    sight: Sight | None = None,
) -> Flow:
    """Train the flow's metanet to say trained weights, and keep the parameters that are best on held-out lineages.

    It is trained where it lies, with numbers drawn on the CPU; a flow that was trained before goes on from there.

    Args:
        seen: training nets. held: nets of other lineages.
        told: hears the step and the error on held-out lineages.
        sight: to run nets; without it the answers don't count. A flow that keeps examples needs it.
    """
    source = torch.Generator().manual_seed(config.seed)
    nets, others = seen.rows(flow), held.rows(flow)
    average = copy.deepcopy(flow.metanet)
    optimizer = torch.optim.AdamW(flow.metanet.parameters(), config.learning_rate, weight_decay=0.01)
    best, kept = math.inf, copy.deepcopy(average.state_dict())
    began = time.monotonic()
    for step in range(config.steps):
        done = max(step / config.steps, (time.monotonic() - began) / (60 * config.minutes))
        if done >= 1:
            break
        warm = min(1.0, (step + 1) / 100)
        optimizer.param_groups[0]["lr"] = config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * done))
        rows = torch.randint(len(nets[0]), (config.batch,), generator=source)
        optimizer.zero_grad()
        error = flow_error(flow, _take(nets, rows), source, config, sight, config.dropped)
        if sight is not None and config.own:
            error = error + config.own * own_error(flow, _take(nets, rows[: len(rows) // 2]), source, config, sight)
        error.backward()
        torch.nn.utils.clip_grad_norm_(flow.metanet.parameters(), 1.0)
        optimizer.step()
        _follow(average, flow.metanet, min(config.average, (1 + step) / (10 + step)))
        if (step + 1) % config.check == 0:
            error = held_error(flow, average, others, config, sight)
            told(step + 1, error)
            if error < best:
                best, kept = error, copy.deepcopy(average.state_dict())
    flow.metanet.load_state_dict(kept)
    return flow.eval()


Rows = tuple[Tensor, Tensor, Tensor | None]


def _take(nets: Rows, rows: Tensor) -> Rows:
    weights, prompts, starts = nets
    return weights[rows], prompts[rows], None if starts is None else starts[rows]


@torch.no_grad()
def _follow(average: nn.Module, metanet: nn.Module, share: float) -> None:
    for kept, now in zip(average.parameters(), metanet.parameters(), strict=True):
        kept.lerp_(now, 1 - share)


@torch.no_grad()
def held_error(flow: Flow, metanet: nn.Module, nets: Rows, config: FlowTraining, sight: Sight | None) -> float:
    """The error of a metanet in the flow's place on held-out nets, with the same random numbers each time."""
    own, flow.metanet = flow.metanet, metanet  # type: ignore[assignment]
    try:
        source = torch.Generator().manual_seed(config.seed)
        error = flow_error(flow, nets, source, config, sight)
        if sight is not None and config.own:
            error = error + config.own * own_error(flow, nets, source, config, sight, last=True)
        return float(error)
    finally:
        flow.metanet = own


def flow_error(
    flow: Flow, nets: Rows, source: torch.Generator, config: FlowTraining, sight: Sight | None, dropped: float = 0.0
) -> Float[Tensor, ""]:
    """The error of the weights that the flow sees at times drawn evenly, and of what they answer.

    Squared differences of weights are in units of each tensor's spread.
    """
    weights, asked, _ = nets
    t = torch.rand(len(weights), generator=source).to(weights.device)
    left_out = torch.rand(len(weights), 1, generator=source).to(weights.device) < dropped
    asked = asked.masked_fill(left_out, float("nan"))
    starts = _starts(flow, nets, source)
    mixed = (1 - t[:, None]) * starts + t[:, None] * weights
    examples = sight.some(config.images, source) if sight else None
    seen = flow.clean(mixed, t, asked, sight.net if sight else None, examples)
    error = ((seen - weights) / flow.units()).square().mean()
    if sight is None or examples is None or not config.answers:
        return error
    inputs = sight.some(config.images, source)[0]
    with torch.no_grad():
        wanted = answers(sight.net, flow.vectors.weights, weights, inputs).log_softmax(2)
    given = answers(sight.net, flow.vectors.weights, seen, inputs).log_softmax(2)
    differ = functional.kl_div(given, wanted, log_target=True, reduction="none").sum(2).mean()
    return error + config.answers * differ


def _starts(flow: Flow, nets: Rows, source: torch.Generator) -> Tensor:
    """The nets' own starts, or noise."""
    weights, _, starts = nets
    if starts is not None:
        return starts
    of = torch.randint(len(flow.starts), (len(weights),), generator=source)
    return flow.noise(torch.randn(weights.shape, generator=source).to(weights.device), of)


def own_error(
    flow: Flow, nets: Rows, source: torch.Generator, config: FlowTraining, sight: Sight, last: bool = False
) -> Float[Tensor, ""]:
    """How far nets that the flow leads by itself are from what was asked for, in soft accuracy and in tensors' sizes.

    Half of the time, and with ``last`` always, they are led to the last step, whose net is the sample.
    """
    weights, asked, _ = nets
    steps = config.own_steps
    stop = int(torch.randint(2 * steps, (1,), generator=source))
    stop = steps - 1 if last else min(stop, steps - 1)
    examples = sight.some(config.images, source)
    with torch.no_grad():
        rows = flow.lead(_starts(flow, nets, source), asked, sight.net, steps, stop, examples)
    seen = flow.clean(rows, rows.new_full((len(rows),), stop / steps), asked, sight.net, examples)
    inputs, labels = sight.some(config.images, source)
    right = [_soft_accuracy(answers(sight.net, flow.vectors.weights, net, inputs), labels) for net in (seen, weights)]
    sizes = [(flow.vectors.mean_square(net) / flow.spreads.square() + 1e-4).log() for net in (seen, weights)]
    return SHARP * (right[0] - right[1]).square().mean() + (0.5 * (sizes[0] - sizes[1])).square().mean()


def _soft_accuracy(logits: Float[Tensor, "nets images classes"], labels: Tensor) -> Float[Tensor, " nets"]:
    """The mean probability of the right answer, sharpened so that it is near the accuracy."""
    return (3 * logits).softmax(2)[:, torch.arange(len(labels)), labels].mean(1)
