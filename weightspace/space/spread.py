"""Values and orders of neurons laid out along the axes that they stand behind."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from weightspace.space.axes import Atom, Axis, Product
from weightspace.space.parts import TensorSpec


def spread_over_axis(axis: Axis, occurrence: int, vector: Tensor, fill: float) -> Tensor:
    """For each entry of an axis the value of the neuron behind it, for one of its atoms; ``fill`` where that has none.

    Args:
        occurrence: which of the axis's atoms. vector: ``[size]`` or ``[N, size]``. fill: 1 or 0.
    """
    return spread_together(axis, {occurrence: vector}, fill)


def spread_together(axis: Axis, vectors: Mapping[int, Tensor], fill: float) -> Tensor:
    """For each entry of an axis the values of the neurons behind it, multiplied where ``fill`` is 1, else added up.

    Args:
        vectors: for some of the axis's atoms, by number, a value for each neuron, ``[size]`` or ``[N, size]``.
    """
    spread = _spread(axis, iter(range(len(axis.atoms()))), vectors, fill)
    assert spread is not None, f"'{axis}' has no atom with one of the numbers {list(vectors)}"
    return spread


def _spread(axis: Axis, counter: Iterator[int], vectors: Mapping[int, Tensor], fill: float) -> Tensor | None:
    """The values along an axis, or None where all are neutral."""
    if isinstance(axis, Atom):
        return vectors.get(next(counter))
    parts = _parts(axis)
    spread = [_spread(part, counter, vectors, fill) for part in parts]
    like = next((vector for vector in spread if vector is not None), None)
    if like is None:
        return None
    if isinstance(axis, Product):
        return _multiplied(parts, spread, like, fill)
    lead = torch.broadcast_shapes(*(vector.shape[:-1] for vector in spread if vector is not None))
    filled, neutral = list[Tensor](), 0  # neutral entries since the last vector, as a long sum has many of them
    for part, vector in zip(parts, spread, strict=True):
        if vector is None:
            neutral += part.size or 1
            continue
        filled += [like.new_full((*lead, neutral), fill), vector.expand(*lead, -1)]
        neutral = 0
    return torch.cat([*filled, like.new_full((*lead, neutral), fill)], -1)


def _multiplied(parts: Sequence[Axis], spread: Sequence[Tensor | None], like: Tensor, fill: float) -> Tensor:
    """The values along a product of axes: those of its factors multiplied, or added up."""
    whole = like.new_full((1,), fill)
    for part, vector in zip(parts, spread, strict=True):
        outer = whole.unsqueeze(-1)
        if vector is None:
            whole = outer.expand(*outer.shape[:-1], part.size or 1).flatten(-2)
        else:
            inner = vector.unsqueeze(-2)
            whole = (outer * inner if fill == 1.0 else outer + inner).flatten(-2)
    return whole


def _parts(axis: Axis) -> tuple[Axis, ...]:
    return axis.factors if isinstance(axis, Product) else axis.terms  # type: ignore[union-attr]


def axis_order(axis: Axis, permutations: Mapping[str, Tensor]) -> Tensor | None:
    """For each entry of an axis the old entry that moves there, ``[size]`` or ``[N, size]``; None if none moves."""
    if isinstance(axis, Atom):
        return permutations.get(axis.name) if axis.name is not None else None
    parts = _parts(axis)
    orders = [axis_order(part, permutations) for part in parts]
    if all(order is None for order in orders):
        return None
    filled = [
        torch.arange(part.size or 1) if order is None else order for part, order in zip(parts, orders, strict=True)
    ]
    if isinstance(axis, Product):
        whole = filled[0]
        for part, order in zip(parts[1:], filled[1:], strict=True):
            whole = (whole.unsqueeze(-1) * (part.size or 1) + order.unsqueeze(-2)).flatten(-2)
        return whole
    offsets = [sum(part.size or 0 for part in parts[:index]) for index in range(len(parts))]
    lead = torch.broadcast_shapes(*(order.shape[:-1] for order in filled))
    return torch.cat([(o + offset).expand(*lead, -1) for o, offset in zip(filled, offsets, strict=True)], -1)


def find_atom(spec: TensorSpec, name: str) -> tuple[int, int]:
    """Axis and occurrence within it of the first atom with a name."""
    for dim, axis in enumerate(spec.axes):
        for occurrence, atom in enumerate(axis.atoms()):
            if atom.name == name:
                return dim, occurrence
    raise ValueError(f"No axis of '{' '.join(map(str, spec.axes))}' bears the name {name!r}.")


def gathered(vector: Tensor, order: Tensor | None) -> Tensor:
    """The entries of a vector in another order, each ``[size]`` or ``[nets, size]``; None leaves them."""
    if order is None:
        return vector
    lead = torch.broadcast_shapes(vector.shape[:-1], order.shape[:-1])
    return vector.expand(*lead, -1).gather(-1, order.expand(*lead, -1))
