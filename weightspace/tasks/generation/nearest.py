"""The nets of a bank that lie nearest to others, modulo symmetry, without comparing all with all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.align.distance import pair_distances
from weightspace.align.matching.assign import assign
from weightspace.align.matching.places import places_of
from weightspace.align.matching.scales import balanced
from weightspace.space import WeightSpace
from weightspace.tasks.generation.stage import Weights

ENTRIES = 1 << 22
Rows = dict[str, Tensor]


@dataclass(eq=False)
class Nearest:
    """Finds the two nearest of some nets.

    A distance modulo symmetry takes a descent of its own, so candidates are sought first: those with the smallest
    `bounds`, which look at tensors alone that have the neurons of one layer, and those whose answers are most alike.
    Distances are then measured to candidates. Small banks, and those of nets without such tensors, are compared whole.

    Args:
        space: of the nets.
        bank: the nets that are looked through.
        answers: theirs to some inputs, ``[bank, inputs]``.
        by_weights: candidates by the bounds.
        by_answers: more of them by their answers.
    """

    space: WeightSpace
    bank: Weights
    answers: Int[Tensor, "bank inputs"]
    by_weights: int = 12
    by_answers: int = 4
    _rows: Rows = field(init=False, repr=False)

    def __post_init__(self) -> None:
        few = len(self.answers) <= 2 * (self.by_weights + self.by_answers)
        self._rows = {} if few else anchored_rows(self.space, self.bank)

    def two(
        self, weights: Weights, answers: Int[Tensor, "nets inputs"], apart_from_itself: bool = False
    ) -> Float[Tensor, "nets 2"]:
        """Distances to the nearest and to the second nearest net of the bank.

        Args:
            apart_from_itself: nets of the bank that equal a net bit by bit don't count.
        """
        all_of_them = torch.arange(len(self.answers)).expand(len(answers), -1)
        candidates = self._candidates(weights, answers) if self._rows else all_of_them
        rows = torch.arange(len(answers))[:, None].expand_as(candidates)
        pairs = torch.stack([rows.flatten(), candidates.flatten()], 1)
        found = pair_distances(self.space, weights, self.bank, pairs).float()
        if apart_from_itself:
            same = [
                (weights[n][pairs[:, 0]] == t[pairs[:, 1]]).reshape(len(pairs), -1).all(1) for n, t in self.bank.items()
            ]
            found = found.masked_fill(torch.stack(same, 0).all(0), float("inf"))
        return found.reshape(candidates.shape).topk(2, dim=1, largest=False).values

    def _candidates(self, weights: Weights, answers: Tensor) -> Int[Tensor, "nets candidates"]:
        """Nets of the bank that may be nearest; each once for every net."""
        found = bounds(self.space, anchored_rows(self.space, weights), self._rows)
        near = found.topk(self.by_weights, dim=1, largest=False).indices
        unlike = torch.stack([(own != self.answers).sum(1) for own in answers])
        unlike = unlike.scatter(1, near, self.answers.shape[1] + 1)
        return torch.cat([near, unlike.topk(self.by_answers, dim=1, largest=False).indices], 1)


def anchored_rows(space: WeightSpace, weights: Weights) -> Rows:
    """For each free name what its neurons have in tensors where no other name is free, in the smallest of scales."""
    still, found = balanced(space, dict(weights))[0], {}
    for name, places in places_of(space).items():
        alone = [p for p in places if not space.tensors[p.tensor].buffer and _free(space, p.tensor) == 1]
        if alone:
            found[name] = torch.cat([p.rows(still[p.tensor]).flatten(2).float() for p in alone], 2)
    return found


def _free(space: WeightSpace, tensor: str) -> int:
    """How many places of a tensor have free neurons."""
    return sum(a.name is not None and space.names[a.name].free for a in space.tensors[tensor].atoms())


def bounds(space: WeightSpace, one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> Float[Tensor, "nets bank"]:
    """What two nets differ by at least: over tensors with one name, each name in the order that suits it best.

    It bounds the distance from below but for scales, which the distance fits once more to every pair.
    """
    signed = {action.name for action in space.actions if action.kind == "sign"}
    total = torch.zeros(())
    for name, rows in one.items():
        theirs = other[name]
        squares = rows.square().sum((1, 2))[:, None] + theirs.square().sum((1, 2))[None]
        pieces = rows.split(max(1, ENTRIES // (len(theirs) * rows.shape[1] ** 2)))
        alike = torch.cat([_best(piece, theirs, name in signed) for piece in pieces])
        total = total + squares - 2 * alike
    return total


def _best(rows: Tensor, theirs: Tensor, signed: bool) -> Float[Tensor, "nets bank"]:
    """The largest sum of inner products of two nets' neurons, one to one."""
    table = torch.einsum("nik,mjk->nmij", rows, theirs).flatten(0, 1)
    table = table.abs() if signed else table
    return table.gather(2, assign(table).unsqueeze(2)).sum((1, 2)).reshape(len(rows), len(theirs))
