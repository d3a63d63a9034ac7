"""Axes taken apart into rectangular pieces, whose entries lie in regular steps."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from weightspace.space import Atom, Axis, Sum, TensorSpec


@dataclass(frozen=True, eq=False)
class Piece:
    """A rectangle of entries: entry ``(i, j, ...)`` lies at ``offset + i * strides[0] + j * strides[1] + ...``.

    There is a stride for each atom. ``owners`` says which axis each atom is of, ``term`` which term of a sum the piece
    is, ``terms`` the same for each axis of a tensor.
    """

    atoms: tuple[Atom, ...]
    owners: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    term: int
    terms: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the atoms."""
        return tuple(atom.size or 0 for atom in self.atoms)

    @cached_property
    def index(self) -> Tensor:
        """The flat place of every entry, a dimension an atom."""
        return places(self.sizes, self.strides, self.offset)


def places(sizes: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Tensor:
    """``offset`` plus the sum of coordinates times strides, for all coordinates below ``sizes``."""
    index = torch.full((), offset)
    for size, stride in zip(sizes, strides, strict=True):
        index = index.unsqueeze(-1) + torch.arange(size) * stride
    return index


def axis_pieces(axis: Axis, owner: int = 0) -> list[Piece]:
    """The pieces of one axis: one, or one a term where it holds a sum."""
    if isinstance(axis, Atom):
        assert axis.size is not None, f"The size of {axis} is unknown."
        return [Piece((axis,), (owner,), (1,), 0, 0)]
    if isinstance(axis, Sum):
        return _sum_pieces(axis, owner)
    summed = next((number for number, factor in enumerate(axis.factors) if isinstance(factor, Sum)), None)
    return _join([(axis_pieces(factor, owner), factor.size or 0) for factor in axis.factors], keep_term_of=summed)


def tensor_pieces(spec: TensorSpec) -> list[Piece]:
    """The pieces of a tensor; ``term`` counts the terms of its first source axis that is a sum."""
    summed = next((axis for axis in spec.source if isinstance(spec.axes[axis], Sum)), None)
    columns = [(axis_pieces(axis, number), axis.size or 0) for number, axis in enumerate(spec.axes)]
    return _join(columns, keep_term_of=summed)


def _sum_pieces(axis: Sum, owner: int) -> list[Piece]:
    found, start = [], 0
    for number, term in enumerate(axis.terms):
        for piece in axis_pieces(term, owner):
            found.append(Piece(piece.atoms, piece.owners, piece.strides, piece.offset + start, number))
        start += term.size or 0
    return found


def _join(columns: list[tuple[list[Piece], int]], keep_term_of: int | None = None) -> list[Piece]:
    joined = []
    for choice in product(*(pieces for pieces, _ in columns)):
        strides: tuple[int, ...] = ()
        offset = 0
        for piece, (_, size) in zip(choice, columns, strict=True):
            strides = (*(stride * size for stride in strides), *piece.strides)
            offset = offset * size + piece.offset
        term = 0 if keep_term_of is None else choice[keep_term_of].term
        atoms = tuple(atom for piece in choice for atom in piece.atoms)
        owners = tuple(owner for piece in choice for owner in piece.owners)
        joined.append(Piece(atoms, owners, strides, offset, term, tuple(piece.term for piece in choice)))
    return joined


def match(wanted: tuple[Atom, ...], piece: Piece, first: tuple[int, ...], then_any: bool) -> list[int] | None:
    """Where each wanted atom is in a piece: by name (by size for plain numbers), in the axes ``first``, then in any.

    Returns None where one of them is nowhere. Numbers are looked for in the axes ``first`` only.
    """
    found: list[int] = []
    near = [place for place, owner in enumerate(piece.owners) if owner in first]
    for atom in wanted:
        far = range(len(piece.atoms)) if then_any and atom.name is not None else ()
        place = next((p for p in (*near, *far) if p not in found and _same(piece.atoms[p], atom)), None)
        if place is None:
            return None
        found.append(place)
    return found


def _same(one: Atom, other: Atom) -> bool:
    return one.name == other.name and one.size == other.size
