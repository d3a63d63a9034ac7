"""Align many nets at once, towards one reference, so that going round a circle of them leads back."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from weightspace.align.align import align_stacks, unstacked
from weightspace.align.checks import ready
from weightspace.align.matching.descent import descend
from weightspace.align.matching.pairs import Match
from weightspace.align.matching.scales import balanced
from weightspace.align.matching.turns import match_mixed
from weightspace.space import Symmetry, WeightSpace
from weightspace.space.forms.obstacles import separate_groups

_ROUNDS = 10


def align_all(
    space: WeightSpace, nets: Sequence[Mapping[str, Tensor]], starts: int = 2, seed: int = 0
) -> list[Symmetry]:
    """What brings each net to a common place: each is aligned to the mean of the others, in turns, until none gains.

    Going from one net to the next through the returned symmetries and round any circle ends where it began, which
    aligning pairs doesn't do (Crisostomi et al. 2024, "C2M3: cycle-consistent multi-model merging"). The first net
    stays where it is.

    Raises:
        ValueError: fewer than two nets, or weights that don't fit the space or aren't finite.
    """
    if len(nets) < 2:
        raise ValueError(f"Aligning needs at least two nets, got {len(nets)}.")
    lifted = [ready(space, net, f"net {number}")[0] for number, net in enumerate(nets)]
    if any(len(next(iter(net.values()))) != 1 for net in lifted):
        raise ValueError("align_all takes single nets; split a stack into its nets first.")
    moved, paths = _first(space, lifted, starts, seed)
    spread = _spread(moved)
    for _ in range(_ROUNDS):
        for number in range(len(moved)):
            others = [net for k, net in enumerate(moved) if k != number]
            mean = {name: _mean([net[name] for net in others]) for name in space.tensors}
            step = _towards(space, mean, moved[number])
            moved[number] = space.apply(step, moved[number])
            paths[number] = step.compose(paths[number])
        before, spread = spread, _spread(moved)
        if spread > before * (1 - 1e-4):
            break
    home = paths[0].inverse()
    return [unstacked(home.compose(path)) for path in paths]


def _towards(space: WeightSpace, mean: dict[str, Tensor], net: dict[str, Tensor]) -> Symmetry:
    match = Match(space, mean, net)
    descend(match)
    return match_mixed(space, mean, net, match.symmetry) if separate_groups(space) else match.symmetry


def _first(
    space: WeightSpace, nets: Sequence[dict[str, Tensor]], starts: int, seed: int
) -> tuple[list[dict[str, Tensor]], list[Symmetry]]:
    """Every net aligned to the first, all in balanced scales."""
    reference, path = balanced(space, nets[0])
    moved, paths = [reference], [path]
    for net in nets[1:]:
        paths.append(align_stacks(space, reference, net, starts, seed))
        moved.append(space.apply(paths[-1], net))
    return moved, paths


def _mean(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)).mean(0) if tensors[0].is_floating_point() else tensors[0]


def _spread(nets: Sequence[Mapping[str, Tensor]]) -> float:
    stacks = [torch.cat([net[name] for net in nets]) for name in nets[0] if nets[0][name].is_floating_point()]
    return sum(float((stack - stack.mean(0)).square().sum()) for stack in stacks)
