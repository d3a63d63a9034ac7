"""A symmetry of a weight space: one permutation a free name, and the scales, signs and phases that go with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightspace.space.fitting import check_drawable
from weightspace.space.matrices import conjugated, draw_matrices, moved_matrices, multiplied
from weightspace.space.parts import KINDS, TensorSpec
from weightspace.space.spread import find_atom, gathered, spread_together

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace


@dataclass(frozen=True, eq=False)
class Symmetry:
    """An element of the symmetry group of ``space``; act with it through `WeightSpace.apply`.

    New neuron ``i`` of a name is old neuron ``permutations[name][i]``, scaled before; matrices act first of all.

    Args:
        space: whose symmetry this is.
        permutations: for each moved name an integer tensor ``[size]``, or ``[N, size]`` for the nets of a stack.
        factors: for each index into ``space.actions`` in use, its vector over the old neurons, float64, same shapes.
        matrices: for each index into ``space.matrices`` in use its matrices ``[per, size, size]``, float64, or with a
            leading axis for the nets of a stack.
    """

    space: "WeightSpace"
    permutations: Mapping[str, Tensor]
    factors: Mapping[int, Tensor]
    matrices: Mapping[int, Tensor] = field(default_factory=dict)

    def inverse(self) -> "Symmetry":
        """The symmetry that undoes this one."""
        permutations = {name: order.argsort(-1) for name, order in self.permutations.items()}
        factors = {}
        for index, vector in self.factors.items():
            action = self.space.actions[index]
            undone = -vector * self._sign_on_shift(index) if action.kind == "phase" else 1 / vector
            factors[index] = self._moved(action.name, undone)
        matrices = {}
        for index, matrix in self.matrices.items():
            undone = conjugated(torch.linalg.inv(matrix), self._diagonal(index))
            matrices[index] = moved_matrices(undone, *self._orders(index))
        return Symmetry(self.space, permutations, factors, matrices)

    def compose(self, other: "Symmetry") -> "Symmetry":
        """The symmetry that acts like ``other`` first and this one after it.

        Raises:
            ValueError: the two belong to different spaces.
        """
        check_space(self, other.space)
        permutations = dict(other.permutations)
        for name, order in self.permutations.items():
            permutations[name] = gathered(permutations[name], order) if name in permutations else order
        factors = dict(other.factors)
        back = {name: order.argsort(-1) for name, order in other.permutations.items()}
        for index in sorted(set(self.factors) | set(other.factors)):
            factors[index] = self._after(index, other.factors.get(index), back)
        return Symmetry(self.space, permutations, factors, self._matrices_after(other))

    def _matrices_after(self, other: "Symmetry") -> dict[int, Tensor]:
        """The matrices of the composition, which act on what ``other`` has neither scaled nor moved yet."""
        matrices = dict(other.matrices)
        for index, second in self.matrices.items():
            order, owners = (None if o is None else o.argsort(-1) for o in other._orders(index))
            diagonal = other._diagonal(index)
            second = conjugated(moved_matrices(second, order, owners), None if diagonal is None else 1 / diagonal)
            matrices[index] = second @ matrices[index] if index in matrices else second
        return matrices

    def _orders(self, index: int) -> tuple[Tensor | None, Tensor | None]:
        """The order of the neurons that a group of matrices mixes, and that of the neurons that have one each."""
        group = self.space.matrices[index]
        return self.permutations.get(group.name or ""), self.permutations.get(group.per or "")

    def _diagonal(self, index: int) -> Tensor | None:
        """By what this symmetry scales the neurons that a group of matrices mixes, where that acts as itself."""
        group, found = self.space.matrices[index], None
        tensor, (dim, occurrence, power, *_) = next((name, places[0]) for name, places in group.powers.items())
        for number, vector in self.factors.items():
            action = self.space.actions[number]
            for at, place, own in action.powers.get(tensor, ()):
                if (at, place) == (dim, occurrence):
                    factor = vector ** (own * power)
                    found = factor if found is None else found * factor
        return found

    def _after(self, index: int, first: Tensor | None, back: Mapping[str, Tensor]) -> Tensor:
        """The vector of one action in the composition, over the neurons before ``other`` moved them."""
        action = self.space.actions[index]
        neutral = torch.full((), 0.0 if action.kind == "phase" else 1.0, dtype=torch.float64)
        second = self.factors.get(index)
        second = neutral if second is None else gathered(second, back.get(action.name))
        first = neutral if first is None else first
        if action.kind != "phase":
            return first * second
        return first * gathered(self._sign_on_shift(index), back.get(action.name)) + second

    def _sign_on_shift(self, index: int) -> Tensor:
        """The sign by which this symmetry multiplies the shifted tensors of a phase action, before it shifts them.

        Signs multiply there, and half turns of phases too, often those of the same action: ``sin(z)`` is
        ``sin(pi - z)``.
        """
        action = self.space.actions[index]
        tensor, sign = next(iter(action.shifts)), torch.ones((), dtype=torch.float64)
        for other, vector in self.factors.items():
            acting = self.space.actions[other]
            for _, _, power in acting.powers.get(tensor, ()):
                sign = sign * (1 - 2 * (vector.abs() % 2) if acting.kind == "phase" else vector**power)
        return sign.expand(self.space.names[action.name].size or 1) if sign.ndim == 0 else sign

    def _moved(self, name: str, vector: Tensor) -> Tensor:
        return gathered(vector, self.permutations.get(name))


def check_space(symmetry: Symmetry, space: "WeightSpace") -> None:
    """See that a symmetry belongs to a space; the error names both hashes."""
    if symmetry.space != space:
        raise ValueError(
            f"The symmetry belongs to weight space {symmetry.space.hash}, the weights to {space.hash}. "
            "Draw it from the space that it acts on."
        )


def identity_symmetry(space: "WeightSpace") -> Symmetry:
    """See `WeightSpace.identity`."""
    return Symmetry(space, {}, {})


def random_symmetry(
    space: "WeightSpace", generator: torch.Generator | None, kinds: Sequence[str], batch: int | None
) -> Symmetry:
    """See `WeightSpace.random_symmetry`."""
    known = KINDS
    if unknown := [kind for kind in kinds if kind not in known]:
        raise ValueError(f"Kinds of symmetry are {', '.join(known)}; got {unknown}.")
    check_drawable(space, kinds)
    permutations, factors = {}, {}
    for name in space.free if "permutation" in kinds else ():
        shape = _shape(space.names[name].size or 1, batch)
        permutations[name] = torch.rand(shape, generator=generator).argsort(-1)
    for index, action in enumerate(space.actions):
        if action.kind in kinds:
            shape = _shape(space.names[action.name].size or 1, batch)
            factors[index] = _draw(action.kind, shape, generator)
    matrices = {
        index: draw_matrices(group, space, generator, batch)
        for index, group in enumerate(space.matrices)
        if group.kind in kinds
    }
    return Symmetry(space, permutations, factors, matrices)


def _shape(size: int, batch: int | None) -> tuple[int, ...]:
    return (size,) if batch is None else (batch, size)


def _draw(kind: str, shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    if kind == "scale":
        return torch.randn(shape, generator=generator, dtype=torch.float64).mul(0.5).exp()
    if kind == "sign":
        return torch.randint(0, 2, shape, generator=generator).double() * 2 - 1
    return torch.randint(-2, 3, shape, generator=generator).double()


def scaled(symmetry: Symmetry, name: str, spec: TensorSpec, tensor: Tensor, stacked: bool) -> Tensor:
    """One tensor after the scales, signs and phases of a symmetry, before its permutations."""
    for index, matrix in symmetry.matrices.items():
        tensor = multiplied(symmetry.space.matrices[index], matrix, symmetry.space, name, tensor, stacked)
    factors: dict[int, dict[int, Tensor]] = {}
    shifts: dict[int, dict[int, Tensor]] = {}
    for index, vector in symmetry.factors.items():
        action = symmetry.space.actions[index]
        if name in action.shifts:
            dim, occurrence = find_atom(spec, action.name)
            before = shifts.setdefault(dim, {}).get(occurrence, 0)
            shifts[dim][occurrence] = before + vector * action.shifts[name]
        for dim, occurrence, power in action.powers.get(name, ()):
            factor = 1 - 2 * (vector.abs() % 2) if action.kind == "phase" else vector**power
            before = factors.setdefault(dim, {}).get(occurrence, 1)
            factors[dim][occurrence] = before * factor
    for dim, vectors in factors.items():
        tensor = tensor * _along(spec, dim, vectors, tensor, stacked, fill=1.0)
    for dim, vectors in shifts.items():
        tensor = tensor + _along(spec, dim, vectors, tensor, stacked, fill=0.0)
    return tensor


def _along(
    spec: TensorSpec, dim: int, vectors: Mapping[int, Tensor], like: Tensor, stacked: bool, fill: float
) -> Tensor:
    """Vectors over the neurons of the atoms of one axis, laid out to broadcast against the tensor."""
    spread = spread_together(spec.axes[dim], vectors, fill)
    tail = [1] * (len(spec.axes) - dim - 1)
    lead = [1] * dim
    shape = [*spread.shape[:-1], *lead, spread.shape[-1], *tail]
    if stacked and spread.ndim == 1:
        shape = [1, *shape]
    return spread.reshape(shape).to(like.device, like.dtype)
