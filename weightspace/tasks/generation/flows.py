"""Train a flow on the weights of a zoo."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from weightspace.generators.flow import Flow


@dataclass(frozen=True)
class FlowTraining:
    """How a flow is trained.

    Args:
        steps: of AdamW.
        batch: nets in each.
        learning_rate: at first, falling to 0 along a cosine.
        minutes: at most; the cosine then ends earlier.
        dropped: share of nets whose prompt is left out.
        check: steps between looks at held-out lineages, whose error picks the parameters.
        seed: of everything random.
    """

    steps: int = 4000
    batch: int = 64
    learning_rate: float = 2e-3
    minutes: float = 10.0
    dropped: float = 0.1
    check: int = 200
    seed: int = 0


def train_flow(
    flow: Flow,
    seen: Mapping[str, Tensor],
    prompts: Mapping[str, Tensor],
    held: Mapping[str, Tensor],
    held_prompts: Mapping[str, Tensor],
    config: FlowTraining,
    told: Callable[[int, float], object] = lambda *_: None,
) -> Flow:
    """Train the flow's metanet to say clean weights, and keep the parameters that are best on held-out lineages.

    The error is squared, in units of each tensor's spread. It is trained where it lies, with numbers drawn on the CPU.

    Args:
        seen: training nets, prompts: their properties. held: nets of other lineages, held_prompts: theirs.
        told: hears the step and the error on held-out lineages.
    """
    source = torch.Generator().manual_seed(config.seed)
    rows, own = (part.to(flow.device) for part in (flow.vectors.rows(seen), torch.stack(list(prompts.values()), 1)))
    others, theirs = (
        part.to(flow.device) for part in (flow.vectors.rows(held), torch.stack(list(held_prompts.values()), 1))
    )
    optimizer = torch.optim.AdamW(flow.metanet.parameters(), config.learning_rate, weight_decay=0.01)
    best, kept = math.inf, copy.deepcopy(flow.metanet.state_dict())
    began = time.monotonic()
    for step in range(config.steps):
        done = max(step / config.steps, (time.monotonic() - began) / (60 * config.minutes))
        if done >= 1:
            break
        optimizer.param_groups[0]["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        nets = torch.randint(len(rows), (config.batch,), generator=source)
        dropped = torch.rand(len(nets), 1, generator=source).to(flow.device) < config.dropped
        asked = own[nets].masked_fill(dropped, float("nan"))
        loss = flow_error(flow, rows[nets], asked, source)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.metanet.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % config.check == 0:
            with torch.no_grad():
                error = float(flow_error(flow, others, theirs, torch.Generator().manual_seed(config.seed)))
            told(step + 1, error)
            if error < best:
                best, kept = error, copy.deepcopy(flow.metanet.state_dict())
    flow.metanet.load_state_dict(kept)
    return flow.eval()


def flow_error(flow: Flow, rows: Tensor, asked: Tensor, source: torch.Generator) -> Tensor:
    """Mean squared error of the clean weights that the flow sees at times drawn evenly, in units of their spread."""
    t = torch.rand(len(rows), generator=source).to(rows.device)
    noise = flow.noise(torch.randn(rows.shape, generator=source).to(rows.device))
    mixed = (1 - t[:, None]) * noise + t[:, None] * rows
    error = (flow.clean(mixed, t, asked) - rows) / flow.vectors.per_tensor(flow.spreads)  # pyright: ignore
    return error.square().mean()
