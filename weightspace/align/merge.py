"""Merge nets: averages, soups, and task vectors, aligned where they don't share a start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.align import align
from weightspace.align.checks import ready
from weightspace.align.correct import has_statistics, repair, reset_statistics
from weightspace.align.lineage import correlations
from weightspace.align.matching.scales import balanced
from weightspace.align.matching.score import Data, check_data, frozen, loss_of, predictions
from weightspace.align.reference import align_all
from weightspace.space import WeightSpace

MERGES = ("average", "aligned", "greedy", "aligned greedy")
Weights = Mapping[str, Tensor]


def merge(
    space: WeightSpace,
    nets: Sequence[Weights],
    method: str = "aligned",
    module: nn.Module | None = None,
    data: Data | None = None,
    mend: bool = True,
    seed: int = 0,
) -> dict[str, Tensor]:
    """One net from several.

    Args:
        nets: single nets, at least two. method: ``"average"``, for nets that share a start (a uniform soup, and the
            average of DiWA over diverse runs); ``"aligned"``, the average after bringing all to the first one, for nets
            that don't; ``"greedy"`` and ``"aligned greedy"``, soups that take in a net, best first, only if that lowers
            the loss on ``data`` (Wortsman et al. 2022, "Model soups").
        module, data: of the nets' architecture; inputs and targets. Soups need both, and with both an aligned merge is
            mended (``mend``): the statistics of batch norms are measured again, or neurons get their parents' spread.
        seed: of aligning.

    Returns:
        The weights, in the types of the first net.

    Raises:
        ValueError: fewer than two nets, an unknown method, a soup without module and data, or weights that don't fit.
    """
    if method not in MERGES:
        raise ValueError(f"The method must be one of {', '.join(MERGES)}, got {method!r}.")
    if len(nets) < 2:
        raise ValueError(f"Merging needs at least two nets, got {len(nets)}.")
    if "greedy" in method and (module is None or data is None):
        raise ValueError("A greedy soup needs module= and data=(inputs, targets), to see which nets help.")
    singles = [{n: t[0] for n, t in ready(space, net, f"net {k}")[0].items()} for k, net in enumerate(nets)]
    if "aligned" in method:
        singles = [space.apply(g, net) for g, net in zip(align_all(space, singles, seed=seed), singles, strict=True)]
    if "greedy" in method:
        assert module is not None and data is not None
        singles = _greedy(frozen(module), singles, check_data(data), mend)
    merged = _mended(module, singles, data if mend and "aligned" in method else None)
    return {name: tensor.to(nets[0][name].dtype) for name, tensor in merged.items()}


def average(nets: Sequence[Weights]) -> dict[str, Tensor]:
    """The mean of every tensor of real numbers; others come from the first net."""
    return {
        name: torch.stack([net[name] for net in nets]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in nets[0].items()
    }


def _mended(module: nn.Module | None, nets: Sequence[Weights], data: Data | None) -> dict[str, Tensor]:
    merged = average(nets)
    if module is None or data is None or len(nets) < 2:
        return merged
    inputs = check_data(data)[0]
    if has_statistics(module):
        return reset_statistics(module, merged, inputs)
    return repair(module, merged, nets, [1 / len(nets)] * len(nets), inputs)


def _greedy(module: nn.Module, nets: Sequence[Weights], data: Data, mend: bool) -> list[Weights]:
    def loss(members: Sequence[Weights]) -> float:
        mixed = _mended(module, members, data if mend else None)
        return float(loss_of(predictions(module, mixed, data[0]), data[1]))

    ranked = sorted(nets, key=lambda net: loss([net]))
    chosen, best = [ranked[0]], loss(ranked[:1])
    for net in ranked[1:]:
        reached = loss([*chosen, net])
        if reached <= best:
            chosen, best = [*chosen, net], reached
    return chosen


# ---- task vectors ------------------------------------------------------------------------------------------------


def merge_tasks(
    base: Weights,
    children: Sequence[Weights],
    module: nn.Module,
    data: Data,
    steps: int = 100,
    lr: float = 0.05,
    batch: int = 256,
    seed: int = 0,
) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """The base plus the children's task vectors, each tensor of each with a coefficient learned on data.

    Zhang et al. 2024, "Knowledge composition using task vectors with learned anisotropic scaling" (aTLAS). The
    coefficients start at one over the number of children, which is the average of the children.

    Args:
        base: the net that all children were fine-tuned from.

    Returns:
        The weights, and for each tensor its coefficients, one a child.

    Raises:
        ValueError: no children, or data that aren't inputs and targets.
    """
    if not children:
        raise ValueError("Merging tasks needs at least one fine-tuned net.")
    data, module = check_data(data), frozen(module)
    names = [name for name, tensor in base.items() if tensor.is_floating_point()]
    vectors = {name: torch.stack([child[name] - base[name] for child in children]) for name in names}
    shares = {name: torch.full((len(children),), 1 / len(children), requires_grad=True) for name in names}
    optimizer, generator = torch.optim.Adam(shares.values(), lr=lr), torch.Generator().manual_seed(seed)

    def mixed() -> dict[str, Tensor]:
        moved = {n: base[n] + torch.tensordot(shares[n].to(vectors[n].dtype), vectors[n], 1) for n in names}
        return {**base, **moved}

    for _ in range(steps):
        rows = torch.randint(len(data[0]), (min(batch, len(data[0])),), generator=generator)
        optimizer.zero_grad()
        loss_of(functional_call(module, mixed(), (data[0][rows],)), data[1][rows]).backward()
        optimizer.step()
    with torch.no_grad():
        return {n: t.detach() for n, t in mixed().items()}, {n: s.tolist() for n, s in shares.items()}


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


# ---- beforehand --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mergeable:
    """How well two nets would merge, from their weights alone, and what that is made of.

    Args:
        value: the correlation of the weights after aligning, in [-1, 1]: 1 for two copies. raw: the same as they are;
            where it is as high, the nets share a start and need no aligning. kept: norm of the average over the mean
            norm of the two, after aligning: what averaging leaves of the signal (the rest cancels).
        tensors: the correlation of each weight tensor after aligning.
    """

    value: float
    raw: float
    kept: float
    tensors: Mapping[str, float]


def mergeable(space: WeightSpace, a: Weights, b: Weights, seed: int = 0) -> Mergeable:
    """See `Mergeable`.

    Raises:
        ValueError: weights that don't fit the space or aren't finite; a stack.
    """
    (one, first), (other, second) = ready(space, a, "a"), ready(space, b, "b")
    if first or second:
        raise ValueError("mergeable takes two single nets, not stacks.")
    one, other = balanced(space, one)[0], balanced(space, other)[0]
    single, partner = ({name: tensor[0] for name, tensor in side.items()} for side in (one, other))
    moved = {
        name: tensor.unsqueeze(0)
        for name, tensor in space.apply(align(space, single, partner, seed=seed), partner).items()
    }
    weights = [n for n, spec in space.tensors.items() if len(spec.axes) > 1 and one[n].is_floating_point()]
    norms = [
        sum(float(net[n].double().square().sum()) for n in weights) ** 0.5
        for net in (one, moved, average([one, moved]))
    ]
    each = {name: float(_correlation(one[name], moved[name])) for name in weights}
    return Mergeable(
        float(correlations(space, one, moved)[0]),
        float(correlations(space, one, other)[0]),
        2 * norms[2] / max(norms[0] + norms[1], 1e-30),
        each,
    )


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = (side.double() - side.double().mean() for side in (one, other))
    return (one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-300)
