"""Groups of matrices are candidates until they have been acted with: those that change an output are dropped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from weightspace.space.actions.guesses import guess_groups
from weightspace.space.computation.probe import Case, Probe
from weightspace.space.matrices import MATRIX_KINDS, MatrixGroup
from weightspace.space.weightspace import WeightSpace


def proved_matrices(space: WeightSpace, probe: Probe, tolerance: float) -> tuple[MatrixGroup, ...]:
    """The groups of matrices that hold; of several guesses about the same neurons the first that does.

    One forward pass where all hold as they were guessed. A group may hold only if all heads share a matrix. Layers
    that are alike are tried together: what holds of none of them costs as many passes as what holds of one.

    Args:
        space: with the groups that its code shows as its ``matrices``; others are guessed beside them.
    """
    ways = [[group] for group in space.matrices] + guess_groups(space, space.matrices)
    cases = sorted(probe.cases, key=lambda case: case.entries)
    trial, proof = (_Trial(space, probe, tuple(some), tolerance) for some in (cases[:1], cases))
    likeliest = tuple(way[0] for way in ways)
    if not ways or proof.holds(likeliest):
        return likeliest
    each = [[*way, *(replace(group, per=None) for group in way if group.per)] for way in ways]
    chosen = {index: group for family in _alike(space, each) for index, group in _chosen(family, trial).items()}
    return tuple(proof.surviving([chosen[index] for index in sorted(chosen)]))


@dataclass(frozen=True)
class _Trial:
    """Acts with groups of matrices and looks at the outputs in some cases."""

    space: WeightSpace
    probe: Probe
    cases: tuple[Case, ...]
    tolerance: float

    def holds(self, groups: Sequence[MatrixGroup]) -> bool:
        """All of them together change no output."""
        alone = replace(self.space, matrices=tuple(groups))
        drawn = alone.random_symmetry(torch.Generator().manual_seed(0), MATRIX_KINDS)
        moved = alone.apply(drawn, self.probe.weights)
        return all(error <= self.tolerance for error in self.probe.errors(moved, self.cases))

    def surviving(self, groups: list[MatrixGroup]) -> list[MatrixGroup]:
        """Those that hold, found by halving."""
        if not groups or self.holds(groups):
            return groups
        half = len(groups) // 2
        return [] if len(groups) == 1 else self.surviving(groups[:half]) + self.surviving(groups[half:])


def _alike(space: WeightSpace, each: Sequence[list[MatrixGroup]]) -> Iterable[dict[int, list[MatrixGroup]]]:
    """The candidates of each number, those of layers that are alike in one family."""
    families: dict[object, dict[int, list[MatrixGroup]]] = {}
    for index, groups in enumerate(each):
        key = tuple((group.kind, group.pairs, group.per is None, group.shape(space)) for group in groups)
        families.setdefault(key, {})[index] = groups
    return families.values()


def _chosen(family: dict[int, list[MatrixGroup]], trial: _Trial) -> dict[int, MatrixGroup]:
    """For each member of a family the first of its candidates that holds."""
    chosen: dict[int, MatrixGroup] = {}
    for number in range(len(next(iter(family.values())))):
        left = {index: groups[number] for index, groups in family.items() if index not in chosen}
        if not left:
            break
        first, *rest = left
        one = trial.surviving([left[first]])
        others = [left[index] for index in rest]
        # where the first fails, its likes are tried once together, not one by one
        held = one + (trial.surviving(others) if one else others if others and trial.holds(others) else [])
        chosen |= {index: group for index, group in left.items() if any(group is other for other in held)}
    return chosen
