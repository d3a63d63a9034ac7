"""Whether a metanet can tell generated nets from held-out trainings."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from weightspace.generators import finite_nets
from weightspace.metanets import SpaceNet
from weightspace.tasks.generation.stage import Stage

STEPS, BATCH = 200, 32


def told_apart(stage: Stage, weights: Mapping[str, Tensor], seed: int = 0, steps: int = STEPS) -> float:
    """The area under the ROC curve of a `SpaceNet` that learned to tell nets from the stage's held-out ones.

    It learns on half of both and is asked about the other half: .5 for nets that nothing tells from trainings, 1 for
    those that are always recognised. As many of both are taken.

    Raises:
        ValueError: fewer than 16 finite nets.
    """
    finite = finite_nets(weights)
    held = len(next(iter(stage.held.values())))
    count = min(int(finite.sum()), held)
    if count < 16:
        raise ValueError(
            f"16 finite nets of each kind are needed to tell them apart, got {int(finite.sum())} and {held}."
        )
    source = torch.Generator().manual_seed(seed)
    rows = finite.nonzero().flatten()[torch.randperm(int(finite.sum()), generator=source)[:count]]
    others = torch.randperm(held, generator=source)[:count]
    stack = {name: torch.cat([weights[name][rows], stage.held[name][others]]) for name in stage.held}
    labels = torch.cat([torch.ones(count), torch.zeros(count)])
    order = torch.randperm(2 * count, generator=source)
    able, asked = order[:count], order[count:]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        metanet = SpaceNet.for_spaces(stage.space, width=16, layers=2, probes=16, members=2, hidden=32)
        _learn(metanet, stage, stack, labels, able, source, steps)
    with torch.no_grad():
        said = metanet.eval()(metanet.graph(stage.space, {name: tensor[asked] for name, tensor in stack.items()}))
    return area(said[:, 0], labels[asked])


def _learn(
    metanet: SpaceNet,
    stage: Stage,
    stack: Mapping[str, Tensor],
    labels: Tensor,
    able: Tensor,
    source: torch.Generator,
    steps: int,
) -> None:
    metanet.fit_statistics({stage.space: {name: tensor[able] for name, tensor in stack.items()}}).train()
    optimizer = torch.optim.AdamW(metanet.parameters(), 3e-3, weight_decay=0.05)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        some = able[torch.randint(len(able), (BATCH,), generator=source)]
        logits = metanet.members(metanet.graph(stage.space, {name: tensor[some] for name, tensor in stack.items()}))
        loss = functional.binary_cross_entropy_with_logits(logits[..., 0], labels[some].expand(len(logits), -1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def area(said: Float[Tensor, " nets"], labels: Float[Tensor, " nets"]) -> float:
    """The share of pairs of a positive and a negative that are in the right order; equal ones count half."""
    gaps = said[labels == 1][:, None] - said[labels == 0][None]
    return float(((gaps > 0).double() + 0.5 * (gaps == 0).double()).mean())
