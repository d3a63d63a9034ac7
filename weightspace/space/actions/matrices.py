"""Which sets of neurons only linear operators touch, so that any invertible matrix may mix them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weightspace.space.actions.scales import Scales
from weightspace.space.algebra.dims import LEAF, PRODUCT, Dim, atoms_of, factors, find, is_fixed, terms
from weightspace.space.algebra.value import Step, Value
from weightspace.space.matrices import MatrixGroup, Side

_LINEAR = ("product", "equal", "flat", "join", "slice")


def find_matrices(
    steps: Sequence[Step], params: Mapping[str, Value], alone: Mapping[str, Value], names: Mapping[Dim, str]
) -> list[MatrixGroup]:
    """Candidates for groups of matrices, to be proved by acting with them.

    A set of neurons that can be scaled one by one, always by the factor itself or its inverse, can be mixed by matrices
    if every step on the way is linear in it: it passes through, or is summed over together with its counterpart.

    Args:
        steps: in the order of the computation. params: the value of each parameter. alone: those that share memory
            with no other. names: of the free leaves.
    """
    scales = Scales(signs=False)
    for step in steps:
        scales.read(step)
    powers, owner, wrong = _powers(scales, params, names)
    for step in steps:
        wrong |= _not_linear(scales, step)
    values, found = _values(scales, steps, params.values()), []
    for free, places in powers.items():
        both = {power for entries in places.values() for _, _, power in entries}
        if free not in wrong and set(places) <= set(alone) and both == {1, -1}:
            per = _per(scales, free, values[free], [params[name] for name in places], names)
            sides = {name: tuple(Side(*entry) for entry in entries) for name, entries in places.items()}
            found.append(MatrixGroup(owner[free], "linear", sides, per))
    return found


def _powers(
    scales: Scales, params: Mapping[str, Value], names: Mapping[Dim, str]
) -> tuple[dict[int, dict[str, tuple[tuple[int, int, int], ...]]], dict[int, str], set[int]]:
    """Where each free unknown acts on parameters with power 1 or -1; its name; those that act in other ways."""
    powers: dict[int, dict[str, tuple[tuple[int, int, int], ...]]] = {}
    owner: dict[int, str] = {}
    wrong: set[int] = set()
    for name, value in params.items():
        for axis in range(len(value.dims)):
            places = [place for place, atom in enumerate(atoms_of(value.dims[axis])) if not is_fixed(atom)]
            for place, (atom, unknown) in zip(places, scales.unknowns(value, axis), strict=True):
                free, power, others = _sole(scales, unknown)
                wrong |= others
                if free is None:
                    continue
                label = names.get(find(atom))
                if label is None or owner.setdefault(free, label) != label:
                    wrong.add(free)
                    continue
                entries = powers.setdefault(free, {})
                entries[name] = (*entries.get(name, ()), (axis, place, power))
    return powers, owner, wrong


def _sole(scales: Scales, unknown: int) -> tuple[int | None, int, set[int]]:
    """The one free unknown that an unknown is, and its sign; or none, and those that it is made of."""
    parts = scales.system.resolve(unknown)
    if len(parts) == 1:
        free, power = next(iter(parts.items()))
        if abs(power) == 1:
            return free, int(power), set()
    return None, 0, set(parts)


def _not_linear(scales: Scales, step: Step) -> set[int]:
    """The free unknowns in which a step isn't linear."""
    values = (step.out, *step.ins)
    touched = {free for value in values for _, unknown in scales.all_unknowns(value)
               for free in scales.system.resolve(unknown)}  # fmt: skip
    if step.kind not in _LINEAR:
        return touched
    if step.kind in ("flat", "join", "slice"):
        return set()
    wrong: set[int] = set()
    rows: dict[tuple[Any, int, int], list[int]] = {}
    meeting: dict[tuple[Any, int], set[int]] = {}  # whatever stands at a label, scaled or not
    for number, (value, labels) in enumerate(zip(values, step.labels, strict=True)):
        for axis, label in enumerate(labels):
            for place, (_, unknown) in enumerate(scales.unknowns(value, axis)):
                free, _, others = _sole(scales, unknown)
                wrong |= others
                meeting.setdefault((label, place), set()).add(number)
                if free is not None:
                    rows.setdefault((label, place, free), []).append(number)
    for (label, place, free), numbers in rows.items():
        inputs = [number for number in numbers if number > 0]
        alone = len(set(numbers)) == len(numbers) and (step.kind == "equal" or set(numbers) == meeting[label, place])
        if not alone or (step.kind == "product" and not _bilinear(numbers, inputs)):
            wrong.add(free)
    return wrong


def _bilinear(numbers: Sequence[int], inputs: Sequence[int]) -> bool:
    """The neurons pass through from one input, or two inputs are summed over them."""
    return len(inputs) == 1 if 0 in numbers else len(inputs) == 2


def _values(scales: Scales, steps: Sequence[Step], params: Iterable[Value]) -> dict[int, list[Value]]:
    """For each free unknown the values that it acts on."""
    values = {id(value): value for step in steps for value in (step.out, *step.ins)}
    values |= {id(value): value for value in params}
    found: dict[int, list[Value]] = {}
    for value in values.values():
        for free in {free for _, unknown in scales.all_unknowns(value) for free in scales.system.resolve(unknown)}:
            found.setdefault(free, []).append(value)
    return found


def _terms_with(scales: Scales, free: int, value: Value, axis: int, dim: Dim) -> list[Dim]:
    """The terms of one axis in which an unknown acts."""
    unknowns, found = iter(scales.unknowns(value, axis)), []
    for term in terms(dim):
        inside = [next(unknowns)[1] for atom in atoms_of(term) if not is_fixed(atom)]
        if any(free in scales.system.resolve(unknown) for unknown in inside):
            found.append(term)
    return found


def _per(
    scales: Scales, free: int, values: Sequence[Value], params: Sequence[Value], names: Mapping[Dim, str]
) -> str | None:
    """A name that stands beside the neurons wherever they are: each of its own can have a matrix.

    In parameters it stands on the same axis as the neurons, once in the term of it where they stand.
    """
    shared: set[str] | None = None
    for value in values:
        mixed = {find(atom) for atom, unknown in scales.all_unknowns(value) if free in scales.system.resolve(unknown)}
        atoms = [find(atom) for dim in value.dims for atom in atoms_of(dim)]
        labels = {names[atom] for atom in atoms if atom in names and atom not in mixed}
        shared = labels if shared is None else shared & labels
    for value in params:
        for axis, dim in enumerate(value.dims):
            if any(free in scales.system.resolve(unknown) for _, unknown in scales.unknowns(value, axis)):
                places = [place for place, atom in enumerate(atoms_of(dim)) if not is_fixed(atom)]
                own = [place for place, (_, unknown) in zip(places, scales.unknowns(value, axis), strict=True)
                       if free in scales.system.resolve(unknown)]  # fmt: skip
                beside = [{names.get(find(atom)) for atom in _beside(dim, place)} for place in own]
                shared = {name for name in shared or () if all(name in found for found in beside)}
                for term in _terms_with(scales, free, value, axis, dim):
                    labels = [names.get(find(atom)) for atom in atoms_of(term)]
                    shared = {name for name in shared or () if labels.count(name) == 1}
    return min(shared, default=None) if shared else None


def _beside(dim: Dim, place: int) -> list[Dim]:
    """The atoms of an axis that stand beside one of them in a product, behind each of its entries."""
    dim = find(dim)
    if dim.kind == LEAF or is_fixed(dim):
        return []
    parts, found = factors(dim) if dim.kind == PRODUCT else terms(dim), list[Dim]()
    for part in parts:
        atoms = atoms_of(part)
        if 0 <= place < len(atoms):
            found += _beside(part, place)
        elif dim.kind == PRODUCT and len(atoms) == 1:
            found += atoms
        place -= len(atoms)
    return found
