"""Axes taken apart into rectangular pieces, so that an index can be computed for each of their entries."""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from weightspace.space import Atom, Axis, Sum, TensorSpec


@dataclass(frozen=True, eq=False)
class Piece:
    """A rectangle of entries: ``index[i, j, ...]`` is the flat place of entry ``(i, j, ...)``, a dimension an atom.

    ``owners`` says which axis each atom is of, ``term`` which term of a sum the piece is, ``terms`` the same for each
    axis of a tensor.
    """

    atoms: tuple[Atom, ...]
    owners: tuple[int, ...]
    index: Tensor
    term: int
    terms: tuple[int, ...] = ()


def axis_pieces(axis: Axis, owner: int = 0) -> list[Piece]:
    """The pieces of one axis: one, or one a term where it holds a sum."""
    if isinstance(axis, Atom):
        assert axis.size is not None, f"The size of {axis} is unknown."
        return [Piece((axis,), (owner,), torch.arange(axis.size), 0)]
    if isinstance(axis, Sum):
        return _sum_pieces(axis, owner)
    summed = next((number for number, factor in enumerate(axis.factors) if isinstance(factor, Sum)), None)
    return _join([(axis_pieces(factor, owner), factor.size) for factor in axis.factors], keep_term_of=summed)


def tensor_pieces(spec: TensorSpec) -> list[Piece]:
    """The pieces of a tensor; ``term`` counts the terms of its first source axis that is a sum."""
    summed = next((axis for axis in spec.source if isinstance(spec.axes[axis], Sum)), None)
    columns = [(axis_pieces(axis, number), axis.size) for number, axis in enumerate(spec.axes)]
    return _join(columns, keep_term_of=summed)


def _sum_pieces(axis: Sum, owner: int) -> list[Piece]:
    found, start = [], 0
    for number, term in enumerate(axis.terms):
        for piece in axis_pieces(term, owner):
            found.append(Piece(piece.atoms, piece.owners, piece.index + start, number))
        start += term.size
    return found


def _join(columns: list[tuple[list[Piece], int]], keep_term_of: int | None = None) -> list[Piece]:
    joined = []
    for choice in product(*(pieces for pieces, _ in columns)):
        index = torch.zeros((), dtype=torch.long)
        for piece, (_, size) in zip(choice, columns, strict=True):
            ones = (1,) * piece.index.dim()
            index = index.reshape(*index.shape, *ones) * size + piece.index
        term = 0 if keep_term_of is None else choice[keep_term_of].term
        atoms = tuple(atom for piece in choice for atom in piece.atoms)
        owners = tuple(owner for piece in choice for owner in piece.owners)
        joined.append(Piece(atoms, owners, index, term, tuple(piece.term for piece in choice)))
    return joined


def match(wanted: tuple[Atom, ...], piece: Piece, first: tuple[int, ...], then_any: bool) -> list[int] | None:
    """Where each wanted atom is in a piece: by name (by size for plain numbers), in the axes ``first``, then in any.

    Returns None where one of them is nowhere. Numbers are looked for in the axes ``first`` only.
    """
    places: list[int] = []
    near = [place for place, owner in enumerate(piece.owners) if owner in first]
    for atom in wanted:
        far = range(len(piece.atoms)) if then_any and atom.name is not None else ()
        place = next((p for p in (*near, *far) if p not in places and _same(piece.atoms[p], atom)), None)
        if place is None:
            return None
        places.append(place)
    return places


def _same(one: Atom, other: Atom) -> bool:
    return one.name == other.name and one.size == other.size
