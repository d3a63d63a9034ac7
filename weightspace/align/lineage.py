"""Lineage: whether one net was made from another, by how alike they are once aligned."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.checks import ready, ready_pair
from weightspace.align.matching.scales import balanced
from weightspace.align.pairs import over_pairs
from weightspace.space import WeightSpace

_SURROGATES, _FEWEST = 24, 4


@dataclass(frozen=True)
class Lineage:
    """How alike two nets are once aligned (``score``, at most 1), and how likely independent runs are as alike."""

    score: float
    p_value: float


def lineage(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    null: Mapping[str, Tensor] | None = None,
    starts: int = 2,
    seed: int = 0,
) -> Lineage:
    """Whether one of two nets was made from the other, or both from a third.

    The score is the correlation of the two nets' weights after aligning them by all symmetries of the space, so that
    permuting, rescaling or flipping neurons hides nothing. The p-value compares it with scores between independent
    runs: the Fisher transforms of those are taken as normal, with mean and spread from ``null``.

    Args:
        a, b: single nets. null: a stack of nets, trained independently of both (and of each other) in the same way, at
            least 4; each of the two is scored against each. Without it the two are compared with nets whose entries
            are a's and b's, shuffled: then a small p-value says that the nets are no strangers, but two runs of one
            recipe on one data set can be alike, too.
        starts, seed: of aligning.

    Raises:
        ValueError: weights that don't fit the space or aren't finite; a stack; fewer than four nets in ``null``.
    """
    one, other = ready_pair(space, a, b, "lineage takes two single nets; for many nets use family_tree.")
    strangers = shuffled(one, other, seed) if null is None else ready(space, null, "null")[0]
    count = len(next(iter(strangers.values())))
    if count < _FEWEST:
        raise ValueError(f"null must hold at least {_FEWEST} nets, got {count}.")
    stack = {name: torch.cat([one[name], other[name]]) for name in one}
    score = float(scores(space, one, other, starts=starts, seed=seed)[0, 0])
    spread = scores(space, stack, strangers, starts=starts, seed=seed).flatten()
    return Lineage(score, float(p_values(torch.tensor([score]), spread)[0]))


def scores(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor] | None = None,
    starts: int = 2,
    seed: int = 0,
) -> Float[Tensor, "n m"]:
    """The scores of many nets: every net of ``a`` against every net of ``b``, or of ``a`` against each other.

    Args:
        a, b: stacks ``[N, ...]`` and ``[M, ...]`` as `ready` gives them.
    """
    one = balanced(space, a)[0]
    other = one if b is None else balanced(space, b)[0]
    n, m = len(next(iter(one.values()))), len(next(iter(other.values())))
    table = torch.eye(n, dtype=torch.float64) if b is None else torch.zeros(n, m, dtype=torch.float64)
    pairs = torch.triu_indices(n, n, 1).T if b is None else torch.cartesian_prod(torch.arange(n), torch.arange(m))
    pairs = pairs.reshape(-1, 2)
    found = over_pairs(space, one, other, pairs, partial(correlations, space), starts, seed)
    table[pairs[:, 0], pairs[:, 1]] = found
    if b is None:
        table[pairs[:, 1], pairs[:, 0]] = found
    return table


def correlations(space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Float[Tensor, "pairs"]:
    """The mean correlation of the weights of two stacks, net by net; every tensor counts by its entries."""
    total, entries = torch.zeros((), dtype=torch.float64), 0
    for name, spec in space.tensors.items():
        if len(spec.axes) < 2 or spec.buffer or not a[name].is_floating_point():
            continue  # vectors often sit at their start or are alike in all nets
        one, other = (side[name].flatten(1).double() for side in (a, b))
        one, other = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
        sizes = (one.norm(dim=1) * other.norm(dim=1)).clamp_min(1e-300)
        total = total + spec.numel * ((one * other).sum(1) / sizes).cpu()
        entries += spec.numel
    return total / max(1, entries)


def alike(space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """The correlation of two nets' weights as they stand, without aligning: 1 for two copies.

    Raises:
        ValueError: weights that don't fit the space or aren't finite; a stack.
    """
    return float(correlations(space, *ready_pair(space, a, b, "alike takes two single nets, not stacks."))[0])


def p_values(found: Float[Tensor, "..."], null: Float[Tensor, "null"]) -> Float[Tensor, "..."]:
    """How likely independent runs score as high: Student's t on Fisher's z, for a new draw beside those of the null."""
    from scipy.stats import t

    z = fisher(null)
    spread = float(z.std()) * math.sqrt(1 + 1 / len(z))
    return torch.from_numpy(t.sf(((fisher(found) - z.mean()) / max(spread, 1e-12)).numpy(), len(z) - 1))


def fisher(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Fisher's transform, which makes the spread of a correlation the same everywhere."""
    return values.double().clamp(-1 + 1e-9, 1 - 1e-9).atanh()


def shuffled(a: Mapping[str, Tensor], b: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Nets without a past: the entries of every tensor of a or b in random order."""
    generator = torch.Generator().manual_seed(seed)
    result = {}
    for name, tensor in a.items():
        rows = []
        for number in range(_SURROGATES):
            source = (tensor, b[name])[number % 2][0]
            order = torch.randperm(source.numel(), generator=generator)
            rows.append(source.flatten()[order.to(source.device)].reshape(source.shape))
        result[name] = torch.stack(rows)
    return result
