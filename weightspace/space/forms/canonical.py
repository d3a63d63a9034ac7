"""A canonical form: one member of each orbit, the same whichever member one starts from."""

import warnings
from collections.abc import Mapping, Sequence
from math import pi

import torch
from torch import Tensor

from weightspace.space.forms.entries import Entry, entries_of, neurons_along, plan, sums_along
from weightspace.space.forms.matrices import settle_matrices, settle_signs_of_matrices
from weightspace.space.forms.obstacles import mixed_places, settled_groups, unsettled
from weightspace.space.forms.scales import scales_of
from weightspace.space.forms.signs import joint_signs
from weightspace.space.symmetry import Symmetry
from weightspace.space.weightspace import WeightSpace


def canonicalize(space: WeightSpace, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
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

    def __init__(self, space: WeightSpace, weights: Mapping[str, Tensor]):
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
        turns = (_exactly(self.weights[tensor]) / shift).round()
        flips = any(entry.tensor == tensor for entry in self.entries[index])
        return torch.where(turns % 2 == 1, turns, -turns) if flips else -turns

    # ---- scales and signs --------------------------------------------------------------------------------------------

    def settle_all(self, kind: str) -> None:
        """Settle all actions of one kind, those first that some tensor decides by itself."""
        mixed = mixed_places(self.space, settled_groups(self.space))
        if kind == "scale":
            self.factors = scales_of(self.space, mixed).settle(self.weights, self.stacked, _exactly)
        else:
            order = plan(self.space, kind, mixed)
            for index, deciding in order.steps:
                self._act(index, self._signs(deciding))
            for index, signs in joint_signs(self.space, self.weights, order.rest, self.stacked).items():
                self._act(index, signs)
        self._finish_stage()

    def _signs(self, entries: Sequence[Entry]) -> Tensor:
        cubes = [entry.sums(_exactly(self.weights[entry.tensor]) ** 3, self.stacked) for entry in entries]
        return torch.where(torch.stack(cubes).sum(0) < 0, -1.0, 1.0).double()

    def _act(self, index: int, vector: Tensor) -> None:
        for entry in self.entries[index]:
            self.weights[entry.tensor] = entry.multiply(self.weights[entry.tensor], vector**entry.power, self.stacked)
        self.factors[index] = self.factors[index] * vector if index in self.factors else vector

    # ---- order -------------------------------------------------------------------------------------------------------

    def orders(self) -> dict[str, Tensor]:
        """Neurons in the order of a weighted sum of even powers, with other weights for each tensor and axis."""
        keys: dict[str, Tensor] = {}
        for place, (tensor, spec) in enumerate(self.space.tensors.items()):
            squares = _exactly(self.weights[tensor]) ** 2
            values = squares + squares**2 / 3  # where scales make all sums of squares 1, those of fourth powers differ
            for dim, axis in enumerate(spec.axes):
                for occurrence, atom in enumerate(axis.atoms()):
                    if atom.name is not None and self.space.names[atom.name].free:
                        neurons = neurons_along(axis, occurrence)
                        weight = 1 + (place * pi + dim * pi**2 + occurrence * pi**3) % 1
                        key = sums_along(values, dim, neurons, atom.size or 1, self.stacked) * weight
                        keys[atom.name] = keys[atom.name] + key if atom.name in keys else key
        return {name: key.argsort(dim=-1, stable=True) for name, key in keys.items()}


def _exactly(tensor: Tensor) -> Tensor:
    """What factors are computed from: the values alone, the same on every device."""
    return tensor.detach().double().cpu()
