"""Where a name stands in the tensors of a space, and those tensors with its neurons as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.space import Atom, TensorSpec, WeightSpace
from weightspace.space.spread import spread_over_axis


@dataclass(frozen=True, eq=False)
class Place:
    """One atom of one axis of one tensor.

    Args:
        tensor: its name.
        dim: the axis.
        occurrence: which atom of that axis.
        index: for each neuron the entries of the axis that are its own, or None where entry and neuron are one.
    """

    tensor: str
    dim: int
    occurrence: int
    index: Int[Tensor, "size count"] | None

    def rows(self, stack: Float[Tensor, "nets *shape"]) -> Float[Tensor, "nets size *rest"]:
        """A stack with this place's neurons in front: ``[nets, size, count, *other axes]``."""
        dim = self.dim + 1
        if self.index is None:
            return stack.movedim(dim, 1).unsqueeze(2)
        size, count = self.index.shape
        parts = stack.index_select(dim, self.index.flatten().to(stack.device)).unflatten(dim, (size, count))
        return parts.movedim((dim, dim + 1), (1, 2))

    def back(self, rows: Float[Tensor, "nets size *rest"], into: Float[Tensor, "nets *shape"]) -> Tensor:
        """The stack that has these rows; entries of the axis that belong to no neuron here come from ``into``."""
        dim = self.dim + 1
        if self.index is None:
            return rows.squeeze(2).movedim(1, dim)
        flat = rows.movedim((1, 2), (dim, dim + 1)).flatten(dim, dim + 1)
        return into.index_copy(dim, self.index.flatten().to(into.device), flat)


def place_of(spec: TensorSpec, tensor: str, dim: int, occurrence: int) -> Place:
    """The place of one atom of a tensor."""
    axis = spec.axes[dim]
    if isinstance(axis, Atom):
        return Place(tensor, dim, occurrence, None)
    size = axis.atoms()[occurrence].size or 1
    neuron = spread_over_axis(axis, occurrence, torch.arange(1.0, size + 1.0), fill=0.0).long()
    own = (neuron > 0).nonzero().flatten()
    index = own[neuron[own].argsort(stable=True)].reshape(size, -1)
    return Place(tensor, dim, occurrence, index)


def places_of(space: WeightSpace) -> dict[str, list[Place]]:
    """For each free name of more than one neuron all its places."""
    found: dict[str, list[Place]] = {name: [] for name in space.free if (space.names[name].size or 0) > 1}
    for tensor, spec in space.tensors.items():
        for dim, axis in enumerate(spec.axes):
            for occurrence, atom in enumerate(axis.atoms()):
                if atom.name in found:
                    found[atom.name].append(place_of(spec, tensor, dim, occurrence))
    return found


def axes_of(spec: TensorSpec, place: Place, names: Collection[str]) -> list[int]:
    """Axes of `Place.rows` (counted behind nets and neurons) on which one of the names stands."""
    own = spec.axes[place.dim].atoms()
    beside = [*own[: place.occurrence], *own[place.occurrence + 1 :]]
    others = [axis.atoms() for dim, axis in enumerate(spec.axes) if dim != place.dim]
    found = [any(atom.name in names for atom in atoms) for atoms in (beside, *others)]
    return [number for number, there in enumerate(found) if there]


def parted(rows: Float[Tensor, "nets size *rest"], axes: Sequence[int]) -> Float[Tensor, "nets size others these"]:
    """Rows with some of their axes flattened into the last one, and all others into the one before."""
    dims = [number + 2 for number in axes]
    others = [dim for dim in range(2, rows.ndim) if dim not in dims]
    shape = rows.shape
    moved = rows.permute(0, 1, *others, *dims)
    return moved.reshape(shape[0], shape[1], prod(shape[dim] for dim in others), prod(shape[dim] for dim in dims))


def tensor_weights(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], tensors: Sequence[str]
) -> dict[str, Float[Tensor, "nets"]]:
    """For each tensor one over the product of the root mean squares in a and b, so that all tensors count alike.

    Without it the statistics of a norm, which can be hundreds of times larger than weights, would decide alone.
    """
    weights = {}
    for name in tensors:
        one, other = (side[name].flatten(1).to(_real(side[name])) for side in (a, b))
        size = one.square().mean(1).sqrt() * other.square().mean(1).sqrt()
        weights[name] = torch.where(size > 0, 1 / size.clamp_min(1e-30), torch.zeros_like(size))
    return weights


def _real(tensor: Tensor) -> torch.dtype:
    return tensor.dtype if tensor.is_floating_point() else torch.float32
