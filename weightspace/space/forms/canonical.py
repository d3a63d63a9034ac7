"""A canonical form: one member of each orbit, the same whichever member one starts from."""

import warnings
from collections.abc import Mapping, Sequence
from math import pi
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightspace.space.forms.entries import Entry, entries_of, neurons_along, plan, sums_along
from weightspace.space.forms.matrices import settle_matrices, settle_signs_of_matrices
from weightspace.space.forms.obstacles import mixed_places, settled_groups, unsettled
from weightspace.space.forms.signs import joint_signs
from weightspace.space.symmetry import Symmetry

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

_SWEEPS, _NEWTON = 500, 30


def canonicalize(space: "WeightSpace", weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
    """Bring weights to the canonical form of their orbit.

    Phases: a sine's bias lies within a quarter turn of zero. Scales: what feeds a neuron has norm 1. Matrices: what
    writes the neurons and what reads them are singular vectors, times roots of the singular values, until scales and
    order are settled. Order: neurons are sorted by a weighted sum of even powers of their entries. Signs: the cubes of
    what feeds a neuron add up to something positive. Layers are settled one after the other, each from tensors that
    nothing unsettled touches.
    Where two scales meet in every tensor (heads, and channels of a head), the sum of squares of what they multiply is
    made smallest; where two signs do, entries decide one after the other, as long as they tell something new. So for
    nets in general position every member of an orbit gives the same form, to rounding.

    A dead neuron (all that feeds it is zero) keeps its scale and sign. Neurons that tie keep the order they came in; if
    they tie because they are equal, that is no ambiguity. Groups of matrices that meet in one tensor have no form
    here: their part of the symmetry stays as it came, a warning names them, and so does
    `weightspace.space.forms.matrices.unsettled`.

    Args:
        weights: of one net, or of a stack.

    Returns:
        The canonical weights, and the symmetry that makes them: ``space.apply(symmetry, weights)`` gives them again.

    Warns:
        UserWarning: some groups of matrices can't be settled.
    """
    form = _Form(space, weights)
    if left := unsettled(space):
        warnings.warn(f"The canonical form leaves open: {'; '.join(left)}.", stacklevel=3)
    form.settle_phases()
    form.settle_all("scale")
    if settled_groups(space):
        form.settle_all("sign")
        form.apply(settle_matrices(space, form.weights))
        form.settle_all("scale")
    form.apply(Symmetry(space, form.orders(), {}))
    form.settle_all("sign")
    if settled_groups(space):
        form.apply(settle_signs_of_matrices(space, form.weights))
    return form.weights, form.symmetry


class _Form:
    """Weights on their way to the canonical form, and the symmetry so far."""

    def __init__(self, space: "WeightSpace", weights: Mapping[str, Tensor]):
        self.space, self.weights, self.entries = space, dict(weights), entries_of(space)
        self.stacked = space.check(weights) is not None
        self.symmetry = space.identity()
        self.factors: dict[int, Tensor] = {}  # of the stage that runs

    def apply(self, step: Symmetry) -> None:
        """Act with a symmetry."""
        self.weights = self.space.apply(step, self.weights)
        self.symmetry = step.compose(self.symmetry)

    def _finish_stage(self) -> None:
        self.symmetry = Symmetry(self.space, {}, self.factors).compose(self.symmetry)
        self.factors = {}

    # ---- phases ------------------------------------------------------------------------------------------------------

    def settle_phases(self) -> None:
        """Bring the bias of every sine next to zero by whole half turns."""
        shifted: dict[str, list[int]] = {}
        phases = [index for index, action in enumerate(self.space.actions) if action.kind == "phase"]
        for index in phases:
            shifted.setdefault(next(iter(self.space.actions[index].shifts)), []).append(index)
        for index in phases:
            turns = self._turns(index)
            parity = 1 - 2 * (turns.abs() % 2)
            for entry in self.entries[index]:
                self.weights[entry.tensor] = entry.multiply(self.weights[entry.tensor], parity, self.stacked)
                for other in shifted.get(entry.tensor, ()):
                    if other in self.factors:
                        self.factors[other] = self.factors[other] * parity
            for tensor, shift in self.space.actions[index].shifts.items():
                self.weights[tensor] = self.weights[tensor] + (turns * shift).to(self.weights[tensor])
            self.factors[index] = turns
        self._finish_stage()

    def _turns(self, index: int) -> Tensor:
        """How many half turns bring the bias within a quarter turn; an odd number may flip the bias itself."""
        tensor, shift = next(iter(self.space.actions[index].shifts.items()))
        turns = (self.weights[tensor].detach().double().cpu() / shift).round()
        flips = any(entry.tensor == tensor for entry in self.entries[index])
        return torch.where(turns % 2 == 1, turns, -turns) if flips else -turns

    # ---- scales and signs --------------------------------------------------------------------------------------------

    def settle_all(self, kind: str) -> None:
        """Settle all actions of one kind, those first that some tensor decides by itself."""
        order = plan(self.space, kind, mixed_places(self.space, settled_groups(self.space)))
        for index, deciding in order.steps:
            self._act(index, self._vector(kind, deciding))
        rest = order.rest
        if rest and kind == "sign":
            for index, signs in joint_signs(self.space, self.weights, rest, self.stacked).items():
                self._act(index, signs)
        elif rest:
            self._settle_in_turns(rest)
        self._finish_stage()

    def _settle_in_turns(self, rest: Sequence[int]) -> None:
        """Scales that meet in every tensor, in turns until nothing changes.

        The sum of squares of all that they multiply is made smallest, which happens in one member of an orbit only, as
        it is convex in the logarithms of the scales (Kempf and Ness 1979, "The length of vectors in representation
        spaces").
        """
        touched = {entry.tensor for index in rest for entry in self.entries[index]}
        for _ in range(_SWEEPS):
            before = {name: self.weights[name] for name in touched}
            for index in rest:
                self._act(index, self._balanced(self.entries[index]))
            # not the factors: where heads and channels differ in number, one's constant undoes the other's for ever
            if all(_unchanged(before[name], self.weights[name]) for name in touched):
                return

    def _balanced(self, entries: Sequence[Entry]) -> Tensor:
        """Factors under which the entries with positive powers weigh as much as those with negative ones."""
        sums: dict[int | float, Tensor] = {}
        for entry in entries:
            squares = self.weights[entry.tensor].detach().double().cpu() ** 2
            sums[entry.power] = sums.get(entry.power, 0) + entry.sums(squares, self.stacked)
        if min(sums) > 0 or max(sums) < 0:  # nothing to balance with: norm 1, as elsewhere
            power, total = next(iter(sums.items()))
            return torch.where(total > 0, total, 1.0) ** (-0.5 / power)
        up, down = (torch.stack([s for p, s in sums.items() if p * sign > 0]).sum(0) for sign in (1, -1))
        alive = (up > 0) & (down > 0)
        logs = torch.where(alive, (down / up).log() / 4, 0.0)  # the answer, where all powers are 1 and -1
        for _ in range(0 if set(sums) == {1, -1} else _NEWTON):
            parts = {power: total * (2 * power * logs).exp() for power, total in sums.items()}
            slope, bend = (
                torch.stack([power**order * part for power, part in parts.items()]).sum(0) for order in (1, 2)
            )
            logs = logs - torch.where(alive, (slope / (2 * bend)).clamp(-1, 1), 0.0)
        return logs.exp()

    def _vector(self, kind: str, entries: Sequence[Entry]) -> Tensor:
        power = 2 if kind == "scale" else 3
        values = [self.weights[entry.tensor].detach().double().cpu() ** power for entry in entries]
        total = torch.stack([e.sums(v, self.stacked) for e, v in zip(entries, values, strict=True)]).sum(0)
        if kind == "sign":
            return torch.where(total < 0, -1.0, 1.0).double()
        return torch.where(total > 0, total, torch.ones_like(total)) ** (-0.5 / entries[0].power)

    def _act(self, index: int, vector: Tensor) -> None:
        for entry in self.entries[index]:
            self.weights[entry.tensor] = entry.multiply(self.weights[entry.tensor], vector**entry.power, self.stacked)
        self.factors[index] = self.factors[index] * vector if index in self.factors else vector

    # ---- order -------------------------------------------------------------------------------------------------------

    def orders(self) -> dict[str, Tensor]:
        """Neurons in the order of a weighted sum of even powers, with other weights for each tensor and axis."""
        keys: dict[str, Tensor] = {}
        for place, (tensor, spec) in enumerate(self.space.tensors.items()):
            squares = self.weights[tensor].detach().double().cpu() ** 2
            values = squares + squares**2 / 3  # where scales make all sums of squares 1, those of fourth powers differ
            for dim, axis in enumerate(spec.axes):
                for occurrence, atom in enumerate(axis.atoms()):
                    if atom.name is not None and self.space.names[atom.name].free:
                        neurons = neurons_along(axis, occurrence)
                        weight = 1 + (place * pi + dim * pi**2 + occurrence * pi**3) % 1
                        key = sums_along(values, dim, neurons, atom.size or 1, self.stacked) * weight
                        keys[atom.name] = keys[atom.name] + key if atom.name in keys else key
        return {name: key.argsort(dim=-1, stable=True) for name, key in keys.items()}


def _unchanged(before: Tensor, after: Tensor) -> bool:
    return before is after or bool(((after - before).abs() <= 1e-13 * before.abs()).all())
