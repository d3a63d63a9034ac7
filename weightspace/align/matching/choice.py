"""Signs and half turns that go with an assignment: for each pair of neurons the way that suits it best."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.matching.places import Place
from weightspace.space import WeightSpace


class Choice:
    """Signs and phases of one name that meet in some tensor, so that they have to be settled together."""

    def __init__(self, space: WeightSpace, actions: Sequence[int]):
        self.space, self.actions = space, tuple(actions)
        self.scores: dict[tuple[int, ...], Tensor] = {}
        self.winner: Tensor | None = None
        self.turns: dict[tuple[int, ...], Tensor] = {}
        self.signed = False

    def touches(self, place: Place) -> bool:
        return bool(self.powers(place)) or self.shifts(place.tensor)

    def shifts(self, tensor: str) -> bool:
        return any(tensor in self.space.actions[index].shifts for index in self.actions)

    def powers(self, place: Place) -> dict[int, int | float]:
        """For each of the actions the power with which it multiplies at a place."""
        found = {}
        for index in self.actions:
            for dim, occurrence, power in self.space.actions[index].powers.get(place.tensor, ()):
                if (dim, occurrence) == (place.dim, place.occurrence):
                    found[index] = power
        return found

    def add(self, place: Place, table: Tensor, signed: bool) -> None:
        """Add one place to the score of every way to choose: 1 in a key is a flip, or an odd number of half turns."""
        powers = self.powers(place) if signed else {}
        for key in self._keys():
            self._add(key, self._sign(key, powers) * table)
        self.signed |= bool(powers)

    def add_shifted(self, place: Place, here: Tensor, there: Tensor, share: Tensor) -> Float[Tensor, "nets"]:
        """Add biases: minus half their squared distance, after the half turns that bring them closest.

        Returns:
            The same for neurons as they stand, without turns.
        """
        index = next(i for i in self.actions if place.tensor in self.space.actions[i].shifts)
        shift, powers = self.space.actions[index].shifts[place.tensor], self.powers(place)
        for key in self._keys():
            gap = here.unsqueeze(2) - self._sign(key, powers) * there.unsqueeze(1)
            bit = key[self.actions.index(index)]
            turns = bit + 2 * ((gap / shift - bit) / 2).round()
            self.turns[key] = turns
            self._add(key, -share.reshape(-1, 1, 1) * (gap - turns * shift).square() / 2)
        self.signed = True
        return -share * (here - there).square().sum(1) / 2

    def _keys(self) -> Iterator[tuple[int, ...]]:
        return product((0, 1), repeat=len(self.actions))

    def _sign(self, key: tuple[int, ...], powers: Mapping[int, int | float]) -> float:
        odd = sum(bit * int(powers.get(index, 0)) for bit, index in zip(key, self.actions, strict=True)) % 2
        return -1.0 if odd else 1.0

    def _add(self, key: tuple[int, ...], table: Tensor) -> None:
        self.scores[key] = self.scores[key] + table if key in self.scores else table

    def best(self) -> Tensor:
        if len(self.scores) == 1:
            return next(iter(self.scores.values()))
        best, self.winner = torch.stack(list(self.scores.values())).max(0)
        return best

    def vectors(self) -> dict[int, Tensor]:
        """For each action what it does to neuron j of b if that goes to neuron i of a, ``[nets, i, j]``."""
        keys, winner = list(self.scores), self.winner
        assert winner is not None
        vectors = {}
        for place, index in enumerate(self.actions):
            bits = torch.tensor([key[place] for key in keys], device=winner.device)[winner].to(torch.float64)
            if self.space.actions[index].kind == "sign":
                vectors[index] = 1 - 2 * bits
                continue
            turns = [self.turns[key] for key in keys]
            vectors[index] = torch.stack(turns).gather(0, winner.unsqueeze(0)).squeeze(0).to(torch.float64)
        return vectors


def clusters_of(space: WeightSpace, name: str) -> list[tuple[int, ...]]:
    """The sign and phase actions of a name, those together that some tensor shares."""
    clusters: list[tuple[set[str], list[int]]] = []
    for index, action in enumerate(space.actions):
        if action.name == name and action.kind in ("sign", "phase"):
            tensors, members = {*action.powers, *action.shifts}, [index]
            for old in [c for c in clusters if c[0] & tensors]:
                clusters.remove(old)
                tensors, members = tensors | old[0], old[1] + members
            clusters.append((tensors, members))
    return [tuple(members) for _, members in clusters]
