"""Weight matching: one assignment a name, in turns, until nothing moves (coordinate descent)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from weightspace.align.matching.pairs import Match
from weightspace.align.matching.places import axes_of
from weightspace.align.matching.scales import fitted
from weightspace.align.matching.stacks import chosen
from weightspace.space import Symmetry, WeightSpace

_SWEEPS = 60
_EQUAL = 0.95  # quality of nets that are equal but for noise


def match(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], starts: int, generator: torch.Generator
) -> Symmetry:
    """What brings each net of ``b`` to its partner in ``a``: the best of several descents, pair by pair.

    The first start settles names one after the other, each against those that are settled and, sorted, the rest; the
    second is b as it came; the others are random orders. At the end the scales are fitted to the pairs found.
    """
    best: Symmetry | None = None
    for number in range(max(1, starts)):
        tried = Match(space, a, b)
        if number == 0:
            grow(tried)
        elif number > 1:
            tried.act(space.random_symmetry(generator, batch=tried.count))
        descend(tried)
        fit_scales(tried)
        quality = tried.quality()
        if best is None:
            best, reached = tried.symmetry, quality
        else:
            best = chosen(quality > reached, tried.symmetry, best)
            reached = torch.maximum(quality, reached)
        if bool((reached > _EQUAL).all()):
            break
    assert best is not None
    return best


def fit_scales(match: Match, order: bool = True) -> None:
    """Fit the scales to the pairs found, and see whether the order can then be bettered (unless that is to stay)."""
    if any(action.kind == "scale" for action in match.space.actions):
        match.act(fitted(match.space, match.a, match.b))
        if order:
            descend(match)


def settle_signs(match: Match) -> None:
    """Choose signs and phases for pairs as they stand, until none changes."""
    names = [name for name in match.places if match.clusters[name]]
    for _ in range(_SWEEPS):
        moved = [bool(match.step(name, keep=True).any()) for name in names]
        if not any(moved):
            return


def descend(match: Match, names: Sequence[str] | None = None, sweeps: int = _SWEEPS) -> None:
    """Step through names (None: all) until none of them gains in any pair."""
    names, quiet = list(match.places) if names is None else names, 0
    for sweep in range(sweeps):
        moving = torch.zeros(match.count, dtype=torch.bool)
        for name in names:
            if not match.settled(name):
                moved = match.step(name).cpu()
                moving |= moved
                quiet = -1 if bool(moved.any()) else quiet
            quiet += 1
            if quiet >= len(names):
                return
        if 2 * int(moving.sum()) < match.count:  # most pairs have settled: go on with the others alone
            rest = match.part(moving)
            descend(rest, names, sweeps - sweep - 1)
            return match.put(moving, rest)


def grow(match: Match) -> None:
    """Settle the names once, always the one of which most is known."""
    waiting, unsigned = list(match.places), list[str]()
    while waiting:
        name = max(waiting, key=lambda name: _known_share(match, name, waiting, unsigned))
        waiting.remove(name)
        match.step(name, waiting, unsigned)
        if not match.signs_known:
            unsigned.append(name)
    if unsigned:
        descend(match, unsigned)


def _known_share(match: Match, name: str, waiting: Sequence[str], unsigned: Sequence[str]) -> float:
    others = {*waiting, *unsigned} - {name}
    sizes = [(place, match.a[place.tensor][0].numel()) for place in match.places[name]]
    seen = sum(size for place, size in sizes if not axes_of(match.space.tensors[place.tensor], place, others))
    return seen / max(1, sum(size for _, size in sizes))
