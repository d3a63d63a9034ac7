"""Names for the axes that a trace found: after the first tensor whose outputs they are."""

import re
from collections.abc import Iterable, Mapping, Sequence

from weightspace.space.algebra.dims import LEAF, PRODUCT, Dim, atoms_of, factors, find, is_fixed, terms
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.value import Use, Value
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


def name_all(record: Record, values: Mapping[str, Value], inputs: Sequence[Value], outputs: Sequence[Value]) -> Names:
    """Names for all free leaves, and for the fixed axes of weights, after the tensors that lead to them."""
    names = Names()
    uses = record.book.uses
    hints = {find(dim): hint for dim, hint in record.hints.items()}
    for dim, hint in record.hints.items():
        factors_of = [factor for factor in factors(dim) if not is_fixed(factor)]
        if len(factors_of) == 1:
            hints.setdefault(find(factors_of[0]), hint)
    for name, value in values.items():
        if name in uses and uses[name].role == "weight":
            names.name_leaves([value.dims[axis] for axis in uses[name].target], base_name(name), hints)
    for name, value in values.items():
        names.name_leaves(value.dims, base_name(name), hints)
    ends = _Ends(record, inputs, outputs)
    for name, value in values.items():
        if name in uses and uses[name].role == "weight":
            for axis in (*uses[name].target, *uses[name].source):
                if is_fixed(value.dims[axis]):
                    word = ends.word(value.dims[axis], uses[name], is_source=axis in uses[name].source)
                    names.name_fixed(value.dims[axis], word or f"{base_name(name)}.fixed")
    return names


class _Ends:
    """Which fixed axes are the module's inputs and outputs."""

    def __init__(self, record: Record, inputs: Sequence[Value], outputs: Sequence[Value]):
        self.entering = {find(dim) for value in inputs for dim in value.dims if dim.size > 1}
        self.leaving = {find(dim) for value in outputs for dim in value.dims if dim.size > 1}
        self.first = {site for site, draft in enumerate(record.book.sites) if draft.kind == "input"}
        self.last = {index for value in outputs for index in value.site}

    def word(self, dim: Dim, use: Use, is_source: bool) -> str | None:
        """``in`` or ``out`` for an axis of a weight, or None where neither is seen."""
        root = find(dim)
        if root in self.entering or (is_source and self.first & set(use.source_site)):
            return "in"
        if root in self.leaving or (not is_source and use.target_site in self.last):
            return "out"
        return None


def base_name(tensor: str) -> str:
    """``layer1.0.conv1`` for ``layer1.0.conv1.weight``; a module that is only a number gets an ``h`` in front."""
    path = tensor.rsplit(".", 1)[0] if "." in tensor else tensor
    path = re.sub(r"[^\w.]", "_", path)
    return path if not path[0].isdigit() else f"h{path}"
