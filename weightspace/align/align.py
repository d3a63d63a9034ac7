"""Align two nets of one space: the symmetry that brings the one closest to the other."""

from collections.abc import Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn

from weightspace.align.checks import check_pair, ready
from weightspace.align.matching.activations import match_activations
from weightspace.align.matching.learned import learn, middle_loss
from weightspace.align.matching.scales import balanced, fitted
from weightspace.align.matching.score import Data, check_data
from weightspace.align.matching.turns import match_whole
from weightspace.space import Symmetry, WeightSpace

METHODS = ("weights", "activations", "straight-through", "sinkhorn")


def align(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    method: str = "weights",
    starts: int = 2,
    seed: int = 0,
    module: nn.Module | None = None,
    data: Data | None = None,
    steps: int = 200,
) -> Symmetry:
    """What brings ``b`` to ``a``: ``space.apply(align(space, a, b), b)`` is as close to ``a`` as was found.

    Scales are settled first, by bringing both nets to the smallest sum of squares; then one assignment problem a name
    is solved after the other, signs and phases chosen along with it, until none gains (Ainsworth et al. 2023, "Git
    Re-Basin", extended to sign, scale and phase, and to whatever axes the space has: residual, flattened, heads).

    Args:
        a, b: single nets, or stacks ``[N, ...]`` that are paired off (a single net goes with all).
        method: ``"weights"``, which needs the weights alone; ``"activations"``, by what neurons give on data;
            ``"straight-through"`` and ``"sinkhorn"``, learned on data from the better of these two on.
        starts: descents tried; the best counts, for each pair by itself. seed: of the random starts, those after the
            second, and of learning.
        module: of the nets' architecture; data: inputs and targets. Both for the methods that look at data, which take
            single nets. steps: of learning.

    Raises:
        ValueError: weights that don't fit the space or aren't finite, stacks that don't pair up, an unknown method, one
            without the module and data that it needs, no starts, or a space without symmetries.
    """
    if method not in METHODS:
        raise ValueError(f"The method must be one of {', '.join(METHODS)}, got {method!r}.")
    if starts < 1 or steps < 0:
        raise ValueError(f"starts must be at least 1 and steps at least 0, got {starts} and {steps}.")
    if not space.free:
        raise ValueError(f"Weight space {space.hash} has no free names, so there is nothing to align.")
    (one, first), (other, second) = ready(space, a, "a"), ready(space, b, "b")
    if method == "weights":
        symmetry = align_stacks(space, one, other, starts, seed)
        return symmetry if first or second else unstacked(symmetry)
    if first or second:
        raise ValueError(f"Method {method!r} takes single nets, not stacks; align them one by one.")
    if module is None or data is None:
        raise ValueError(f"Method {method!r} looks at data: give module= and data=(inputs, targets).")
    data = check_data(data, module, {name: tensor[0] for name, tensor in one.items()})
    return _align_by_data(space, one, other, method, starts, seed, module, data, steps)


def _align_by_data(
    space: WeightSpace,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    method: str,
    starts: int,
    seed: int,
    module: nn.Module,
    data: Data,
    steps: int,
) -> Symmetry:
    """`align` by the methods that need data, for stacks of one net."""
    if method == "activations":
        return _by_activations(space, a, b, module, data)
    single, partner = ({name: tensor[0] for name, tensor in side.items()} for side in (a, b))
    candidates = [unstacked(align_stacks(space, a, b, starts, seed))]
    with suppress(ValueError):  # no layer shows its neurons
        candidates.append(_by_activations(space, a, b, module, data))
    start = min(candidates, key=lambda found: middle_loss(module, single, space.apply(found, partner), data))
    learned = learn(space, module, single, space.apply(start, partner), data, method == "straight-through", steps, seed)
    return learned.compose(start)


def _by_activations(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], module: nn.Module, data: Data
) -> Symmetry:
    one, here = balanced(space, a)
    other, there = balanced(space, b)
    found = match_activations(space, module, one, other, data[0])
    return unstacked(_in_scales_of(space, a, b, here.inverse().compose(found).compose(there)))


def _in_scales_of(space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], found: Symmetry) -> Symmetry:
    """The same, with scales fitted to a's own.

    What brought a nearly dead neuron of a into balance would make its partner's weights huge on one side.
    """
    if not any(action.kind == "scale" for action in space.actions):
        return found
    one, other = paired(a, b)
    return fitted(space, one, space.apply(found, other)).compose(found)


def align_stacks(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], starts: int, seed: int
) -> Symmetry:
    """`align` for stacks as `ready` gives them, by their weights; a batched symmetry."""
    one, here = balanced(space, a)
    other, there = balanced(space, b)
    one, other = paired(one, other)
    found = match_whole(space, one, other, starts, torch.Generator().manual_seed(seed))
    return _in_scales_of(space, a, b, here.inverse().compose(found).compose(there))


def paired(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two stacks with as many nets: a single one is repeated (without copying).

    Raises:
        ValueError: they hold different numbers of nets, and neither is 1.
    """
    counts = len(next(iter(a.values()))), len(next(iter(b.values())))
    check_pair(counts)
    size = max(counts)
    one, other = ({name: t.expand(size, *t.shape[1:]) for name, t in side.items()} for side in (a, b))
    return one, other


def unstacked(symmetry: Symmetry) -> Symmetry:
    """The one symmetry of a stack of one."""
    permutations = {name: order.reshape(order.shape[-1]) for name, order in symmetry.permutations.items()}
    factors = {index: vector.reshape(vector.shape[-1]) for index, vector in symmetry.factors.items()}
    matrices = {index: matrix.reshape(matrix.shape[-3:]) for index, matrix in symmetry.matrices.items()}
    return Symmetry(symmetry.space, permutations, factors, matrices)
