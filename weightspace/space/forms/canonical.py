"""A canonical form: one member of each orbit, the same whichever member one starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import pi
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightspace.space.forms.matrices import separate_groups, settle_matrices
from weightspace.space.parts import TensorSpec
from weightspace.space.symmetry import Symmetry, scaled, spread_over_axis

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_SWEEPS = 500


@dataclass(frozen=True)
class Entry:
    """One place where an action multiplies: an atom of an axis of a tensor."""

    action: int
    tensor: str
    dim: int
    occurrence: int
    power: int | float


def canonicalize(space: "WeightSpace", weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
    """Bring weights to the canonical form of their orbit.

    Phases: a sine's bias lies within a quarter turn of zero. Scales: what feeds a neuron has norm 1. Matrices: what
    writes the neurons and what reads them are singular vectors, times roots of the singular values, until scales and
    order are settled. Order: neurons are sorted by a weighted sum of the squares of their entries. Signs: the cubes of
    what feeds a neuron add up to something positive. Layers are settled one after the other, each from tensors that
    nothing unsettled touches.
    Where two scales meet in one tensor (heads, and channels of a head), they are settled in turns until both hold;
    where two signs do, the first neuron of the one decides the other. So for nets in general position every member of
    an orbit gives the same form, to rounding.

    A dead neuron (all that feeds it is zero) keeps its scale and sign. Neurons that tie keep the order they came in; if
    they tie because they are equal, that is no ambiguity.

    Args:
        weights: of one net, or of a stack.

    Returns:
        The canonical weights, and the symmetry that makes them: ``space.apply(symmetry, weights)`` gives them again.
    """
    form = _Form(space, weights)
    for index, action in enumerate(space.actions):
        if action.kind == "phase":
            form.act(index, form.phase(index))
    form.settle_all("scale")
    if separate_groups(space):
        form.settle_all("sign")
        form.apply(settle_matrices(space, form.weights))
        form.settle_all("scale")
    form.sort()
    form.settle_all("sign")
    return form.weights, form.symmetry


class _Form:
    """Weights on their way to the canonical form, and the symmetry so far."""

    def __init__(self, space: "WeightSpace", weights: Mapping[str, Tensor]):
        self.space, self.weights = space, dict(weights)
        self.stacked = space.check(weights) is not None
        self.symmetry = space.identity()

    def act(self, index: int, vector: Tensor) -> None:
        step, action = Symmetry(self.space, {}, {index: vector}), self.space.actions[index]
        touched = {*action.powers, *action.shifts}
        acted = {n: scaled(step, n, self.space.tensors[n], self.weights[n], self.stacked) for n in touched}
        self.weights = {**self.weights, **acted}
        self.symmetry = step.compose(self.symmetry)

    def sort(self) -> None:
        self.apply(Symmetry(self.space, self._orders(), {}))

    def apply(self, step: Symmetry) -> None:
        self.weights = self.space.apply(step, self.weights)
        self.symmetry = step.compose(self.symmetry)

    def phase(self, index: int) -> Tensor:
        """Whole half turns that bring the bias next to zero."""
        action = self.space.actions[index]
        tensor, shift = next(iter(action.shifts.items()))
        bias = self.weights[tensor].detach().double().cpu()
        return -(bias / shift).round()

    def settle_all(self, kind: str) -> None:
        """Settle all actions of one kind, those first that some tensor decides by itself."""
        waiting = [index for index, action in enumerate(self.space.actions) if action.kind == kind]
        while waiting:
            index = next((index for index in waiting if self._deciding(index, waiting)), None)
            if index is None:
                return self._settle_together(kind, waiting)
            self.act(index, self._vector(self._deciding(index, waiting), []))
            waiting.remove(index)
        return None

    def _settle_together(self, kind: str, waiting: list[int]) -> None:
        """Actions that meet in every tensor: scales in turns until nothing changes, as in Sinkhorn's algorithm."""
        if kind == "sign":
            return self._settle_signs(waiting)
        for _ in range(_SWEEPS):
            before = self.weights
            for index in waiting:
                entries = self._deciding(index, [index]) or self._entries([index])[:1]
                self.act(index, self._vector(entries, []))
            # not the vectors: where heads and channels differ in number, one's constant undoes the other's for ever
            if all(_unchanged(before[name], self.weights[name]) for name in before):
                return None
        return None

    def _settle_signs(self, waiting: list[int]) -> None:
        """Each from one tensor, where it meets one settled before, so that all hang on the sign of the first."""
        rest, done = list(waiting), list[int]()
        while rest:
            known = self._entries(done)
            index, entry = next(
                (
                    (entry.action, entry)
                    for index in rest
                    for entry in self._deciding(index, [index])
                    if not done or any(self._meet(entry, other) for other in known)
                ),
                (rest[0], self._entries(rest[:1])[0]),
            )
            self.act(index, self._vector([entry], [e for e in self._entries(waiting) if e.action != index]))
            rest.remove(index)
            done.append(index)

    def _entries(self, actions: Sequence[int]) -> list[Entry]:
        return [
            Entry(index, tensor, dim, occurrence, power)
            for index in actions
            for tensor, powers in self.space.actions[index].powers.items()
            for dim, occurrence, power in powers
        ]

    def _deciding(self, index: int, waiting: Sequence[int]) -> list[Entry]:
        """The entries of an action on which no other entry of a waiting action acts, and that share one power."""
        rivals = self._entries(waiting)
        clean = [
            entry
            for entry in self._entries([index])
            if not any(other != entry and self._meet(entry, other) for other in rivals)
        ]
        clean = [entry for entry in clean if not self._mixed(entry)] or clean
        return [entry for entry in clean if entry.power == clean[0].power]

    def _mixed(self, entry: Entry) -> bool:
        """Matrices of other neurons act on the tensor, so that it isn't settled before they are."""
        name = self.space.actions[entry.action].name
        groups = [self.space.matrices[index] for index in separate_groups(self.space)]
        return any(entry.tensor in group.powers for group in groups if group.name != name)

    def _meet(self, one: Entry, other: Entry) -> bool:
        if one.tensor != other.tensor:
            return False
        if one.dim != other.dim:
            return True
        axis = self.space.tensors[one.tensor].axes[one.dim]
        inside = [self._neurons(axis, entry.occurrence) > 0 for entry in (one, other)]
        return bool((inside[0] & inside[1]).any())

    def _vector(self, entries: Sequence[Entry], rivals: Sequence[Entry]) -> Tensor:
        action = self.space.actions[entries[0].action]
        power = 2 if action.kind == "scale" else 3
        total = sum((self._sum(entry, power, rivals) for entry in entries), torch.zeros((), dtype=torch.float64))
        if action.kind == "sign":
            return torch.where(total < 0, -1.0, 1.0).double()
        alive = torch.where(total > 0, total, torch.ones_like(total))
        return alive ** (-0.5 / entries[0].power)

    def _sum(self, entry: Entry, power: int, rivals: Sequence[Entry]) -> Tensor:
        """For each neuron its entries to a power, added up; of the rivals' neurons only the first counts."""
        spec = self.space.tensors[entry.tensor]
        values = self.weights[entry.tensor].detach().double().cpu() ** power
        for rival in rivals:
            if self._meet(entry, rival):
                values = values * self._first(spec, rival)
        return self._per_neuron(spec, entry.dim, entry.occurrence, values)

    def _first(self, spec: TensorSpec, entry: Entry) -> Tensor:
        axis = spec.axes[entry.dim]
        chosen = (self._neurons(axis, entry.occurrence) <= 1).double()
        return chosen.reshape(-1, *[1] * (len(spec.axes) - entry.dim - 1))

    def _neurons(self, axis, occurrence: int) -> Tensor:
        """For each entry of an axis the neuron behind it, counted from 1; 0 where there is none."""
        size = axis.atoms()[occurrence].size
        return spread_over_axis(axis, occurrence, torch.arange(1.0, size + 1.0), fill=0.0).long()

    def _per_neuron(self, spec: TensorSpec, dim: int, occurrence: int, values: Tensor) -> Tensor:
        axis = spec.axes[dim]
        others = [d for d in range(self.stacked, values.ndim) if d != dim + self.stacked]
        along = values.sum(others) if others else values
        neuron = self._neurons(axis, occurrence)
        total = torch.zeros((*along.shape[:-1], axis.atoms()[occurrence].size or 1), dtype=torch.float64)
        return total.index_add(-1, neuron[neuron > 0] - 1, along[..., neuron > 0])

    def _orders(self) -> dict[str, Tensor]:
        """Neurons in the order of a weighted sum of squares, with another weight for each tensor and axis."""
        keys: dict[str, Tensor] = {}
        for place, (tensor, spec) in enumerate(self.space.tensors.items()):
            squares = self.weights[tensor].detach().double().cpu() ** 2
            add = partial(self._per_neuron, spec, values=squares)
            for dim, axis in enumerate(spec.axes):
                for occurrence, atom in enumerate(axis.atoms()):
                    if atom.name is not None and self.space.names[atom.name].free:
                        weight = 1 + (place * pi + dim * pi**2 + occurrence * pi**3) % 1
                        key = add(dim, occurrence) * weight
                        keys[atom.name] = keys[atom.name] + key if atom.name in keys else key
        return {name: key.argsort(dim=-1, stable=True) for name, key in keys.items()}


def _unchanged(before: Tensor, after: Tensor) -> bool:
    return before is after or bool(((after - before).abs() <= 1e-13 * before.abs()).all())
