"""Names for the axes that a trace found: after the first tensor whose outputs they are."""

import re
from collections.abc import Iterable, Mapping, Sequence

from weightspace.space.algebra.dims import LEAF, PRODUCT, Dim, atoms_of, factors, find, is_fixed, terms
from weightspace.space.axes import Atom, Axis, Product, Sum
from weightspace.space.parse import is_fixed_name


class Names:
    """The name of each free leaf, and of each fixed axis where neurons stand."""

    def __init__(self) -> None:
        self.free: dict[Dim, str] = {}
        self.fixed: dict[Dim, str] = {}
        self._taken: set[str] = set()

    def name_leaves(self, dims: Sequence[Dim], base: str, hints: Mapping[Dim, str]) -> None:
        """Name the leaves of these axes that have no name yet after ``base``."""
        atoms = [find(atom) for dim in dims for atom in atoms_of(dim) if not is_fixed(atom)]
        fresh = [atom for atom in dict.fromkeys(atoms) if atom not in self.free]
        for atom in fresh:
            hint = hints.get(atom)
            wanted = base if hint is None and len(fresh) == 1 else f"{base}.{hint or 'part'}"
            self.free[atom] = self._unique(wanted, is_free=True)

    def name_fixed(self, dim: Dim, base: str) -> None:
        """Name a fixed axis where neurons stand."""
        root = find(dim)
        if root not in self.fixed:
            self.fixed[root] = self._unique(base, is_free=False)

    def _unique(self, wanted: str, is_free: bool) -> str:
        if is_free and is_fixed_name(wanted):
            wanted += ".n"
        name, count = wanted, 2
        while name in self._taken:
            name, count = f"{wanted}{'' if not is_free else '.'}{count}", count + 1
        self._taken.add(name)
        return name

    def axis(self, dim: Dim) -> Axis:
        """An axis in the notation."""
        root = find(dim)
        if is_fixed(root):
            return Atom(self.fixed.get(root), root.size)
        if root.kind == LEAF:
            return Atom(self.free[root], root.size)
        if root.kind == PRODUCT:
            return Product(tuple(self._part(part) for part in factors(root)))
        return Sum(tuple(self._part(part) for part in terms(root)))

    def _part(self, part: Dim) -> Axis:
        """A part of a composed axis; a fixed one is a plain number there."""
        return Atom(None, part.size) if is_fixed(part) else self.axis(part)

    def sizes(self) -> dict[str, tuple[int, bool]]:
        """Each name with its size and whether it is free."""
        both: Iterable[tuple[Dim, str, bool]] = [
            *((dim, name, True) for dim, name in self.free.items()),
            *((dim, name, False) for dim, name in self.fixed.items()),
        ]
        return {name: (dim.size, free) for dim, name, free in both}


def base_name(tensor: str) -> str:
    """``layer1.0.conv1`` for ``layer1.0.conv1.weight``; a module that is only a number gets an ``h`` in front."""
    path = tensor.rsplit(".", 1)[0] if "." in tensor else tensor
    path = re.sub(r"[^\w.]", "_", path)
    return path if not path[0].isdigit() else f"h{path}"
