"""Merge nets: averages, soups, and task vectors, aligned where they don't share a start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weightspace.align.align import align
from weightspace.align.checks import ready, ready_pair
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
    data = data if data is None else check_data(data, module, singles[0])
    if "aligned" in method:
        singles = [space.apply(g, net) for g, net in zip(align_all(space, singles, seed=seed), singles, strict=True)]
    if "greedy" in method:
        assert module is not None and data is not None
        singles = _greedy(frozen(module), singles, data, mend)
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
    if has_statistics(module):
        return reset_statistics(module, merged, data[0])
    return repair(module, merged, nets, [1 / len(nets)] * len(nets), data[0])


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


# ---- beforehand --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mergeable:
    """How well two nets would merge, from their weights alone, and what that is made of.

    Args:
        value: the correlation of the weights after aligning, in [-1, 1]: 1 for two copies.
        raw: the same as they are; where it is as high, the nets share a start and need no aligning.
        kept: norm of the average over the mean norm of the two, after aligning: what averaging leaves of the signal
            (the rest cancels).
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
    one, other = ready_pair(space, a, b, "mergeable takes two single nets, not stacks.")
    raw = float(correlations(space, one, other)[0])
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
        raw,
        2 * norms[2] / max(norms[0] + norms[1], 1e-30),
        each,
    )


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = (side.double() - side.double().mean() for side in (one, other))
    return (one * other).sum() / (one.norm() * other.norm()).clamp_min(1e-300)
