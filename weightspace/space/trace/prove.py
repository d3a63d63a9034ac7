"""Groups of matrices are candidates until they have been acted with: those that change an output are dropped."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from weightspace.space.actions.guesses import guess_groups
from weightspace.space.computation.probe import Probe
from weightspace.space.matrices import MATRIX_KINDS, MatrixGroup
from weightspace.space.weightspace import WeightSpace


def proved_matrices(space: WeightSpace, probe: Probe, tolerance: float) -> tuple[MatrixGroup, ...]:
    """The groups of matrices that hold; of several guesses about the same neurons the first that does.

    One forward pass where all hold as they were guessed. A group may hold only if all heads share a matrix.

    Args:
        space: with the groups that its code shows as its ``matrices``; others are guessed beside them.
    """
    ways = [[group] for group in space.matrices] + guess_groups(space, space.matrices)
    likeliest = tuple(way[0] for way in ways)
    if not ways or _holds(space, likeliest, probe, tolerance):
        return likeliest
    proved = []
    for way in ways:
        shared = [replace(group, per=None) for group in way if group.per]
        held = next((group for group in (*way, *shared) if _holds(space, (group,), probe, tolerance)), None)
        proved.extend([held] if held is not None else [])
    return tuple(proved)


def _holds(space: WeightSpace, groups: Sequence[MatrixGroup], probe: Probe, tolerance: float) -> bool:
    alone = replace(space, matrices=tuple(groups))
    drawn = alone.random_symmetry(torch.Generator().manual_seed(0), MATRIX_KINDS)
    return probe.error(alone, drawn, probe.cases) <= tolerance
