"""Symmetries that mix neurons: a matrix for each set of them that what comes before and after allows to be mixed.

The rank of a low-rank adapter, the neurons between two linear layers, values and their output projection, queries and
keys of a head: what writes them can be multiplied with any invertible matrix, and what reads them with its inverse.
Queries and keys under rotary embeddings allow a rotation and a factor for each pair of channels, a residual stream that
only norms without a mean and without gains read allows orthogonal matrices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Inexact, Int
from torch import Tensor

from weightspace.space.axes import Atom, Axis, Product, Sum

if TYPE_CHECKING:
    from weightspace.space.weightspace import WeightSpace

MATRIX_KINDS = ("linear", "orthogonal", "complex")
PAIRS = ("halves", "adjacent")


class Side(NamedTuple):
    """One place where a group of matrices acts on a tensor.

    Args:
        dim: the axis.
        occurrence: its first atom that holds the neurons.
        power: 1 for the matrix itself, -1 for its inverse transposed.
        span: how many atoms in a row hold the neurons.
        part: an atom of fixed size on the same axis and the entry of it that is meant: the second of the three parts of
            ``(3 heads dim)``.
    """

    dim: int
    occurrence: int
    power: int
    span: int = 1
    part: tuple[int, int] | None = None

    def to_list(self) -> list[int]:
        """Numbers, without what is as usual; ``Side.from_list`` reads them back."""
        short = [self.dim, self.occurrence, self.power]
        if self.part is not None:
            return [*short, self.span, *self.part]
        return short if self.span == 1 else [*short, self.span]

    @classmethod
    def from_list(cls, numbers: Sequence[int]) -> "Side":
        """Read what `to_list` wrote."""
        part = (numbers[4], numbers[5]) if len(numbers) > 4 else None
        return cls(numbers[0], numbers[1], numbers[2], numbers[3] if len(numbers) > 3 else 1, part)


@dataclass(frozen=True)
class MatrixGroup:
    """All matrices of one kind that act on one set of neurons.

    Args:
        name: of the neurons, or None where they keep their order and so have none (channels under rotary embeddings).
        kind: ``"linear"`` for invertible matrices, ``"orthogonal"``, or ``"complex"`` for a rotation and a factor of
            each pair of channels.
        powers: for each tensor the places where the matrix acts (see `Side`).
        per: another name, of neurons that share these axes, each with a matrix of its own (heads); or None.
        pairs: which channels are a pair, of a complex group: ``"halves"`` (i and i + size / 2) or ``"adjacent"``.
    """

    name: str | None
    kind: str
    powers: Mapping[str, tuple[Side, ...]]
    per: str | None = None
    pairs: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, as `WeightSpace.from_dict` reads them."""
        powers = {name: [side.to_list() for side in sides] for name, sides in self.powers.items()}
        pairs = {} if self.pairs is None else {"pairs": self.pairs}
        return {"name": self.name, "kind": self.kind, "powers": powers, "per": self.per, **pairs}

    def shape(self, space: "WeightSpace") -> tuple[int, int, int]:
        """Of its elements: how many matrices, and their size twice."""
        tensor, (side, *_) = next(iter(self.powers.items()))
        atoms = space.tensors[tensor].axes[side.dim].atoms()[side.occurrence : side.occurrence + side.span]
        size = prod(atom.size or 1 for atom in atoms)
        return (space.names[self.per].size or 1 if self.per else 1), size, size

    def __str__(self) -> str:
        pairs = "" if self.pairs is None else f" in {self.pairs}" if self.pairs == "halves" else " side by side"
        return f"{self.kind}{pairs}{'' if self.per is None else f' per {self.per}'}"


def draw_matrices(
    group: MatrixGroup, space: "WeightSpace", generator: torch.Generator | None, batch: int | None
) -> Float[Tensor, "*nets per size size"]:
    """Random matrices of a group; singular values spread around 1 like drawn scales."""
    shape = group.shape(space) if batch is None else (batch, *group.shape(space))
    one = _orthogonal(shape, generator)
    if group.kind == "orthogonal":
        return one
    if group.kind == "complex":
        lengths, turns = torch.randn(2, *shape[:-2], shape[-1] // 2, generator=generator, dtype=torch.float64)
        return turns_of_pairs(lengths.mul(0.5).exp(), 3 * turns, group.pairs or "halves")
    other = _orthogonal(shape, generator)
    scales = torch.randn(shape[:-1], generator=generator, dtype=torch.float64).mul(0.5).exp()
    return one * scales.unsqueeze(-2) @ other


def _orthogonal(shape: Sequence[int], generator: torch.Generator | None) -> Tensor:
    return torch.linalg.qr(torch.randn(shape, generator=generator, dtype=torch.float64)).Q


def pair_places(size: int, pairs: str) -> tuple[Int[Tensor, "half"], Int[Tensor, "half"]]:
    """The first and the second channel of each pair."""
    half = torch.arange(size // 2)
    return (half, half + size // 2) if pairs == "halves" else (2 * half, 2 * half + 1)


def turns_of_pairs(
    lengths: Float[Tensor, "*per half"], angles: Float[Tensor, "*per half"], pairs: str
) -> Float[Tensor, "*per size size"]:
    """Matrices that multiply each pair, as a complex number, by a length and an angle."""
    size = 2 * lengths.shape[-1]
    one, other = pair_places(size, pairs)
    result = torch.zeros(*lengths.shape[:-1], size, size, dtype=lengths.dtype)
    result[..., one, one] = result[..., other, other] = lengths * angles.cos()
    result[..., other, one] = lengths * angles.sin()
    result[..., one, other] = -lengths * angles.sin()
    return result


def multiplied(
    group: MatrixGroup, matrices: Float[Tensor, "*nets per size size"], space: "WeightSpace", name: str, tensor: Tensor,
    stacked: bool,
) -> Tensor:  # fmt: skip
    """One tensor after the matrices of a group."""
    for side in group.powers.get(name, ()):
        acting = matrices if side.power > 0 else torch.linalg.inv(matrices).transpose(-1, -2)
        acting = acting if acting.ndim == 4 else acting.unsqueeze(0)
        stack = tensor if stacked else tensor.unsqueeze(0)
        rows, index, owners = rows_along(space.tensors[name].axes[side.dim], side, group.per, stack)
        mixed = torch.einsum("ncij,njc...->nic...", acting[:, owners].to(rows.device, rows.dtype), rows)
        result = _put_back(mixed, index, stack, side.dim + 1)
        tensor = result if stacked or len(result) > 1 else result[0]
    return tensor


def rows_along(
    axis: Axis, side: Side, per: str | None, stack: Inexact[Tensor, "nets *shape"]
) -> tuple[Inexact[Tensor, "nets size count *rest"], Int[Tensor, "size count"], Int[Tensor, "count"]]:
    """A stack with the neurons of one place in front; their entries along the axis; which matrix each entry is for."""
    neuron = torch.zeros(axis.size or 1, dtype=torch.int64)
    for occurrence in range(side.occurrence, side.occurrence + side.span):
        own = _entry_of(axis, occurrence)
        neuron = neuron * (axis.atoms()[occurrence].size or 1) + (own - 1).clamp_min(0)
    chosen = entries_of(axis, side).nonzero().flatten()
    size = int(neuron[chosen].max()) + 1
    index = chosen[neuron[chosen].argsort(stable=True)].reshape(size, -1)
    owners = torch.zeros(index.shape[1], dtype=torch.int64)
    if per is not None:
        owners = _entry_of(axis, owner_of(axis, side.occurrence, per))[index[0]] - 1
    dim = side.dim + 1
    rows = stack.index_select(dim, index.flatten().to(stack.device)).unflatten(dim, index.shape)
    return rows.movedim((dim, dim + 1), (1, 2)), index, owners


def entries_of(axis: Axis, side: Side) -> Bool[Tensor, "size"]:
    """Which entries of an axis a place is about."""
    inside = _entry_of(axis, side.occurrence) > 0
    return inside if side.part is None else inside & (_entry_of(axis, side.part[0]) == side.part[1] + 1)


def owner_of(axis: Axis, occurrence: int, per: str) -> int:
    """The atom named ``per`` in the term of an axis where another of its atoms stands.

    Raises:
        ValueError: it doesn't stand there, or more than once.
    """
    first = 0
    for term in axis.terms if isinstance(axis, Sum) else (axis,):
        atoms = term.atoms()
        if first <= occurrence < first + len(atoms):
            found = [first + place for place, atom in enumerate(atoms) if atom.name == per]
            if len(found) == 1:
                return found[0]
        first += len(atoms)
    raise ValueError(f"{per!r} must stand once beside atom {occurrence} of axis '{axis}'.")


def _entry_of(axis: Axis, occurrence: int) -> Int[Tensor, "size"]:
    """For each entry of an axis that of one of its atoms, counted from 1; 0 where the atom isn't."""
    counter = iter(range(len(axis.atoms())))

    def walk(part: Axis) -> Tensor:
        if isinstance(part, Atom):
            size = part.size or 1
            return torch.arange(1, size + 1) if next(counter) == occurrence else torch.zeros(size, dtype=torch.int64)
        found = [walk(each) for each in (part.factors if isinstance(part, Product) else part.terms)]
        if isinstance(part, Sum):
            return torch.cat(found)
        whole = found[0]
        for each in found[1:]:
            whole = (whole.unsqueeze(-1) + each).flatten()
        return whole

    return walk(axis)


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
