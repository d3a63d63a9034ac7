"""Symmetries that mix neurons: an invertible matrix where only linear operators touch a set of neurons.

The rank of a low-rank adapter, the neurons between two linear layers, values and their output projection, queries and
keys of a head: what writes them can be multiplied with a matrix, and what reads them with its inverse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor

from weightspace.space.axes import Axis

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace


@dataclass(frozen=True)
class MatrixGroup:
    """All invertible matrices that act on the neurons of one name.

    A matrix ``M`` acts on a tensor along each listed atom: as ``M`` where the power is 1, as its inverse transposed
    where it is -1.

    Args:
        name: the free name. kind: ``"linear"``.
        powers: for each tensor, triples of axis, occurrence of the atom within that axis, and power.
        per: another name, of neurons that share these axes, each with a matrix of its own (heads); or None.
    """

    name: str
    kind: str
    powers: Mapping[str, tuple[tuple[int, int, int], ...]]
    per: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        powers = {name: [list(power) for power in powers] for name, powers in self.powers.items()}
        return {"name": self.name, "kind": self.kind, "powers": powers, "per": self.per}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "MatrixGroup":
        """Read what `to_dict` wrote."""
        powers = {name: tuple((d, o, p) for d, o, p in powers) for name, powers in data["powers"].items()}
        return cls(data["name"], data["kind"], powers, data["per"])

    def shape(self, space: "WeightSpace") -> tuple[int, int, int]:
        """Of its elements: how many matrices, and their size twice."""
        size = space.names[self.name].size or 1
        return (space.names[self.per].size or 1 if self.per else 1), size, size


def draw_matrices(
    group: MatrixGroup, space: "WeightSpace", generator: torch.Generator | None, batch: int | None
) -> Float[Tensor, "*nets per size size"]:
    """Random invertible matrices whose singular values spread around 1 like drawn scales."""
    shape = group.shape(space) if batch is None else (batch, *group.shape(space))
    one, other = (_orthogonal(shape, generator) for _ in range(2))
    scales = torch.randn(shape[:-1], generator=generator, dtype=torch.float64).mul(0.5).exp()
    return one * scales.unsqueeze(-2) @ other


def _orthogonal(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return torch.linalg.qr(torch.randn(shape, generator=generator, dtype=torch.float64)).Q


def multiplied(
    group: MatrixGroup, matrices: Float[Tensor, "*nets per size size"], space: "WeightSpace", name: str, tensor: Tensor,
    stacked: bool,
) -> Tensor:  # fmt: skip
    """One tensor after the matrices of a group."""
    for dim, occurrence, power in group.powers.get(name, ()):
        acting = matrices if power > 0 else torch.linalg.inv(matrices).transpose(-1, -2)
        acting = acting if acting.ndim == 4 else acting.unsqueeze(0)
        stack = tensor if stacked else tensor.unsqueeze(0)
        rows, index, owners = rows_along(space.tensors[name].axes[dim], occurrence, group.per, stack, dim + 1)
        mixed = torch.einsum("ncij,njc...->nic...", acting[:, owners].to(rows.device, rows.dtype), rows)
        result = _put_back(mixed, index, stack, dim + 1)
        tensor = result if stacked or len(result) > 1 else result[0]
    return tensor


def rows_along(
    axis: Axis, occurrence: int, per: str | None, stack: Inexact[Tensor, "nets *shape"], dim: int
) -> tuple[Inexact[Tensor, "nets size count *rest"], Int[Tensor, "size count"], Int[Tensor, "count"]]:
    """A stack with the neurons of one atom in front; their entries along the axis; which matrix each entry is for."""
    from weightspace.space.symmetry import spread_over_axis

    atoms = axis.atoms()
    size = atoms[occurrence].size or 1
    neuron = spread_over_axis(axis, occurrence, torch.arange(1.0, size + 1.0), fill=0.0).long()
    own = (neuron > 0).nonzero().flatten()
    index = own[neuron[own].argsort(stable=True)].reshape(size, -1)
    owners = torch.zeros(index.shape[1], dtype=torch.int64)
    if per is not None:
        place = next(k for k, atom in enumerate(atoms) if atom.name == per)
        count = atoms[place].size or 1
        owners = spread_over_axis(axis, place, torch.arange(1.0, count + 1.0), fill=0.0).long()[index[0]] - 1
    rows = stack.index_select(dim, index.flatten().to(stack.device)).unflatten(dim, index.shape)
    return rows.movedim((dim, dim + 1), (1, 2)), index, owners


def _put_back(rows: Tensor, index: Tensor, stack: Tensor, dim: int) -> Tensor:
    flat = rows.movedim((1, 2), (dim, dim + 1)).flatten(dim, dim + 1)
    whole = stack.expand(len(rows), *stack.shape[1:])
    return whole.index_copy(dim, index.flatten().to(stack.device), flat)


# ---- inverses and compositions: an element permutes last, scales before, and multiplies with its matrix first ----


def moved_matrices(
    matrices: Float[Tensor, "*nets per size size"], order: Tensor | None, owners: Tensor | None
) -> Float[Tensor, "*stacked per size size"]:
    """The matrices over neurons in a new order: entry ``i, j`` of matrix ``h`` comes from ``order[i], order[j]``."""
    if owners is not None:
        matrices = _picked(matrices, owners, -3)
    if order is not None:
        matrices = _picked(_picked(matrices, order, -2), order, -1)
    return matrices


def _picked(matrices: Tensor, order: Tensor, dim: int) -> Tensor:
    lead = torch.broadcast_shapes(matrices.shape[:-3], order.shape[:-1])
    matrices = matrices.expand(*lead, *matrices.shape[-3:])
    shape = [*order.shape[:-1], 1, 1, 1]
    shape[dim] = order.shape[-1]
    wanted = [*lead, *matrices.shape[-3:]]
    return matrices.gather(matrices.ndim + dim, order.reshape(shape).expand(wanted))


def conjugated(matrices: Float[Tensor, "*nets per size size"], scales: Tensor | None) -> Tensor:
    """``D M D^-1`` for the diagonal matrix ``D`` of some scales, ``[size]`` or ``[nets, size]``."""
    if scales is None:
        return matrices
    wide = scales.unsqueeze(-2)  # the same for each of the matrices
    return wide.unsqueeze(-1) * matrices / wide.unsqueeze(-2)
