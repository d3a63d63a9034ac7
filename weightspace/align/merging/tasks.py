"""Task vectors: what fine-tuning changed, mixed, learned, and carried to another base."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.align import align
from weightspace.align.matching.score import Data, check_data, frozen, loss_of
from weightspace.align.merging.merge import average
from weightspace.space import WeightSpace

SPANS = ("tensor", "net")
_EVERY = 10
Weights = Mapping[str, Tensor]


def merge_tasks(
    base: Weights,
    children: Sequence[Weights],
    module: nn.Module,
    data: Data,
    steps: int = 100,
    lr: float = 0.05,
    batch: int = 256,
    seed: int = 0,
    per: str = "tensor",
) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """The base plus the children's task vectors, with coefficients learned on data.

    One for each tensor of each child: Zhang et al. 2024, "Knowledge composition using task vectors with learned
    anisotropic scaling" (aTLAS). One for each child: a place in the span of the task vectors (self positioning). They
    start at one over the number of children, which is the average of the children; the coefficients with the least loss
    on all data count.

    Args:
        base: the net that all children were fine-tuned from. per: ``"tensor"`` or ``"net"``.

    Returns:
        The weights, and for each tensor its coefficients, one a child.

    Raises:
        ValueError: no children, an unknown span, or data that aren't inputs and targets.
    """
    if not children:
        raise ValueError("Merging tasks needs at least one fine-tuned net.")
    if per not in SPANS:
        raise ValueError(f"per must be one of {', '.join(SPANS)}, got {per!r}.")
    data, module = check_data(data), frozen(module)
    names = [name for name, tensor in base.items() if tensor.is_floating_point()]
    vectors = {name: torch.stack([child[name] - base[name] for child in children]) for name in names}
    count, place = len(names) if per == "tensor" else 1, base[names[0]].device
    learned = torch.full((count, len(children)), 1 / len(children), device=place, requires_grad=True)
    fixed = {name for name, _ in module.named_buffers()}  # norms take no gradient for their statistics

    def mixed(shares: Tensor) -> dict[str, Tensor]:
        rows = dict(zip(names, shares.expand(len(names), -1), strict=True))
        rows = {name: row.detach() if name in fixed else row for name, row in rows.items()}
        return {**base, **{n: base[n] + torch.tensordot(rows[n].to(vectors[n].dtype), vectors[n], 1) for n in names}}

    def loss(rows: Tensor | slice) -> Tensor:
        return loss_of(functional_call(module, mixed(learned), (data[0][rows],)), data[1][rows])

    best = _descend(learned, loss, len(data[0]), steps, lr, batch, seed)
    shares = dict(zip(names, best.expand(len(names), -1).tolist(), strict=True))
    return {n: t.detach() for n, t in mixed(best).items()}, shares


def _descend(
    learned: Tensor, loss: Callable[[Tensor | slice], Tensor], count: int, steps: int, lr: float, batch: int, seed: int
) -> Tensor:
    """The coefficients of least loss on all data that gradient descent met."""
    optimizer, generator = torch.optim.Adam([learned], lr=lr), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        best, lowest = learned.detach().clone(), float(loss(slice(None)))
    for step in range(steps):
        optimizer.zero_grad()
        loss(torch.randint(count, (min(batch, count),), generator=generator)).backward()
        optimizer.step()
        if step % _EVERY == _EVERY - 1 or step == steps - 1:
            with torch.no_grad():
                reached = float(loss(slice(None)))
            best, lowest = (learned.detach().clone(), reached) if reached < lowest else (best, lowest)
    return best


def ratatouille(
    base: Weights,
    auxiliary: Sequence[Data],
    target: Data,
    fine_tune: Callable[[Weights, Data], Weights],
) -> tuple[dict[str, Tensor], list[Weights]]:
    """The average of fine-tunings on one task that began from fine-tunings on others.

    Ramé et al. 2023, "Model ratatouille: recycling diverse models for out-of-distribution generalization".

    Args:
        base: the net that all begin from. auxiliary: data of other tasks, one fine-tuning each. target: of the task.
        fine_tune: trains weights on data and returns them.

    Returns:
        The average, and the fine-tunings that it is made of.

    Raises:
        ValueError: fewer than two auxiliary tasks, or data that aren't inputs and targets.
    """
    if len(auxiliary) < 2:
        raise ValueError(f"Ratatouille averages over auxiliary tasks and needs at least two, got {len(auxiliary)}.")
    tasks = [check_data(data) for data in auxiliary]
    members = [fine_tune(fine_tune(base, task), check_data(target)) for task in tasks]
    return average(members), members


def transport(space: WeightSpace, base: Weights, child: Weights, other: Weights, seed: int = 0) -> dict[str, Tensor]:
    """What fine-tuning changed from ``base`` to ``child``, done to another base, to which it is aligned first.

    Raises:
        ValueError: weights that don't fit the space or aren't finite.
    """
    symmetry = align(space, other, base, seed=seed)
    start, end = space.apply(symmetry, base), space.apply(symmetry, child)
    return {
        name: tensor + (end[name] - start[name]) if tensor.is_floating_point() else tensor
        for name, tensor in other.items()
    }
