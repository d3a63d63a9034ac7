"""Which scales, signs and phases commute with a computation: a linear system over the steps that were traced.

Give every atom of every axis of every value an unknown power. A step ties them: a product adds powers, an addition makes
them equal, a sum over neurons needs the two powers to cancel, a nonlinearity lets some kinds through. The solutions that
touch parameters are the symmetries. Over the rationals they are scales, modulo 2 they are signs; a sine adds an unknown of
its own, the half turn of its input.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import lcm, pi
from typing import Any

from weightspace.space.dims import Dim, atoms_of, find, is_fixed, terms
from weightspace.space.parts import Action
from weightspace.space.value import Step, Value

_PASSES = {  # what a step lets through: (scales, signs)
    "equal": (True, True), "positive": (True, False), "odd": (False, True), "sine": (False, True),
    "opaque": (False, False), "even": (False, False), "abs": (True, False),
}  # fmt: skip


class System:
    """Linear equations between unknowns, solved as they come; the newest unknown of an equation is expressed by the rest."""

    def __init__(self, modulus: int | None):
        self.modulus = modulus
        self._known: dict[int, dict[int, Fraction]] = {}

    def _reduce(self, value: Fraction) -> Fraction:
        return value if self.modulus is None else Fraction(value % self.modulus)

    def resolve(self, unknown: int) -> dict[int, Fraction]:
        """An unknown as a combination of free ones."""
        if unknown not in self._known:
            return {unknown: Fraction(1)}
        result = self.combine(self._known[unknown].items())
        self._known[unknown] = result
        return result

    def combine(self, row: Iterable[tuple[int, Fraction | int]]) -> dict[int, Fraction]:
        """A combination of unknowns in terms of free ones."""
        total: dict[int, Fraction] = {}
        for unknown, factor in row:
            for free, power in self.resolve(unknown).items():
                total[free] = self._reduce(total.get(free, Fraction(0)) + factor * power)
        return {free: power for free, power in total.items() if power}

    def equation(self, row: Iterable[tuple[int, Fraction | int]]) -> None:
        """The combination is zero."""
        left = self.combine(row)
        if left:
            pivot = max(left)
            factor = left.pop(pivot)
            self._known[pivot] = {free: self._reduce(-power / factor) for free, power in left.items()}


class Scales:
    """The system of one trace; ``signs`` chooses arithmetic modulo 2."""

    def __init__(self, signs: bool):
        self.signs = signs
        self.system = System(2 if signs else None)
        self._unknowns: dict[tuple[int, int, int], int] = {}
        self._values: dict[int, Value] = {}  # keeps values alive, so that their ids stay theirs
        self.phases: dict[int, tuple[Step, Dim]] = {}
        self._next = 0

    def new(self) -> int:
        """An unknown of its own."""
        self._next += 1
        return self._next

    def unknowns(self, value: Value, axis: int) -> list[tuple[Dim, int]]:
        """The free atoms of one axis, each with its unknown."""
        result = []
        for place, atom in enumerate(atoms_of(value.dims[axis])):
            if not is_fixed(atom):
                key = (id(value), axis, place)
                if key not in self._unknowns:
                    self._values[id(value)] = value
                    self._unknowns[key] = self.new()
                    if value.constant in ("uniform", "data"):
                        self.system.equation([(self._unknowns[key], 1)])
                result.append((atom, self._unknowns[key]))
        return result

    def all_unknowns(self, value: Value) -> list[tuple[Dim, int]]:
        """Those of all axes."""
        return [pair for axis in range(len(value.dims)) for pair in self.unknowns(value, axis)]

    def zero(self, value: Value) -> None:
        """The value carries no factor along any axis."""
        for _, unknown in self.all_unknowns(value):
            self.system.equation([(unknown, 1)])

    def read(self, step: Step) -> None:
        """Add the equations of one step."""
        if step.kind in ("flat", "join", "slice"):
            return self._moved(step)
        if step.kind == "product":
            return self._labelled(step, [Fraction(1)] * len(step.ins))
        if step.kind == "power":
            return self._power(step)
        if step.kind in ("abs", "even") and self.signs:
            return self.zero(step.out)
        if not _PASSES[step.kind][self.signs]:
            for value in (step.out, *step.ins):
                self.zero(value)
            return None
        phase = step if step.kind == "sine" and self.signs else None
        for index, value in enumerate(step.ins):
            if value.constant != "zero":
                self._labelled(
                    Step(step.kind, step.out, (value,), (step.labels[0], step.labels[1 + index])), [Fraction(1)], phase
                )
        return None

    def _power(self, step: Step) -> None:
        power = Fraction(step.data).limit_denominator(64)
        if self.signs and power.denominator > 1:
            self.zero(step.ins[0])
            power = Fraction(0)
        self._labelled(step, [power])

    def _labelled(self, step: Step, powers: list[Fraction], phase: Step | None = None) -> None:
        """One equation for each atom under each label: the output's power is the sum of the inputs'."""
        rows: dict[Any, list[list[tuple[Dim, int, Fraction]]]] = {}
        for value, labels, power in zip((step.out, *step.ins), step.labels, [Fraction(-1), *powers], strict=True):
            for axis, label in enumerate(labels):
                found = [(atom, unknown, power) for atom, unknown in self.unknowns(value, axis)]
                rows.setdefault(label, []).append(found)
        for label, columns in rows.items():
            self._equate(columns if label is not None else [[c] for column in columns for c in column], phase)

    def _equate(self, columns: list[list[tuple[Dim, int, Fraction]]], phase: Step | None) -> None:
        filled = [column for column in columns if column]
        if any([atom for atom, _, _ in column] != [atom for atom, _, _ in filled[0]] for column in filled):
            for column in filled:
                for _, unknown, _ in column:
                    self.system.equation([(unknown, 1)])
            return
        for entries in zip(*filled, strict=True):
            row = [(unknown, power) for _, unknown, power in entries]
            if phase is not None:
                half_turn = -self.new()  # older than any other unknown, so it stays free as long as it can
                self.phases[half_turn] = (phase, entries[0][0])
                row.append((half_turn, Fraction(1)))
            self.system.equation(row)

    def _moved(self, step: Step) -> None:
        """Entries that only change place keep their powers; where atoms don't line up, none is allowed."""
        if step.kind == "flat":
            return self._pair(self.all_unknowns(step.out), self.all_unknowns(step.ins[0]))
        axis = step.data if step.kind == "join" else step.data[0]
        for other in range(len(step.out.dims)):
            if other != axis:
                for value in step.ins:
                    if value.constant != "zero":
                        self._pair(self.unknowns(step.out, other), self.unknowns(value, other))
        whole, parts = (step.out, step.ins) if step.kind == "join" else (step.ins[0], (step.out,))
        start = 0 if step.kind == "join" else step.data[1]
        for part in parts:
            stop = start + part.dims[axis].size
            inside, own = _run_of(whole.dims[axis], self.unknowns(whole, axis), start, stop), self.unknowns(part, axis)
            if [atom for atom, _ in inside] != [atom for atom, _ in own]:
                self._pair(self.unknowns(whole, axis), [])  # the run cuts through a product: nothing lines up
                self._pair(own, [])
            elif part.constant != "zero" or step.kind == "slice":
                self._pair(inside, own)
            start = stop
        return None

    def _pair(self, one: list[tuple[Dim, int]], other: list[tuple[Dim, int]]) -> None:
        if [atom for atom, _ in one] == [atom for atom, _ in other]:
            for (_, first), (_, second) in zip(one, other, strict=True):
                self.system.equation([(first, 1), (second, -1)])
        else:
            for _, unknown in [*one, *other]:
                self.system.equation([(unknown, 1)])


def _run_of(dim: Dim, unknowns: list[tuple[Dim, int]], start: int, stop: int) -> list[tuple[Dim, int]]:
    """The unknowns of the terms of a sum between two entries."""
    result, place, queue = [], 0, list(unknowns)
    for term in terms(dim):
        count = sum(not is_fixed(atom) for atom in atoms_of(term))
        taken, queue = queue[:count], queue[count:]
        if start <= place and place + term.size <= stop:
            result.extend(taken)
        place += term.size
    return result


def find_actions(steps: list[Step], params: Mapping[str, Value], names: Mapping[Dim, str]) -> list[Action]:
    """The scale, sign and phase symmetries of a traced computation.

    Args:
        steps: in the order of the computation. params: the value of each parameter. names: of the free leaves.
    """
    used = {id(value) for step in steps for value in step.ins}
    reached = {name: value for name, value in params.items() if id(value) in used}
    actions = []
    for signs in (False, True):
        scales = Scales(signs)
        for step in steps:
            scales.read(step)
        shifts = _phase_shifts(scales, steps, reached) if signs else {}
        actions.extend(_generators(scales, reached, names, shifts))
    order = {name: index for index, name in enumerate(dict.fromkeys(names.values()))}
    return sorted(actions, key=lambda action: (order[action.name], ("scale", "sign", "phase").index(action.kind)))


def _generators(
    scales: Scales, params: Mapping[str, Value], names: Mapping[Dim, str], shifts: Mapping[int, tuple[str, float]]
) -> list[Action]:
    """One action for each free unknown that touches a parameter."""
    found: dict[int, dict[str, list[tuple[int, int, Fraction]]]] = {}
    owner: dict[int, str] = {}
    for name, value in params.items():
        for axis in range(len(value.dims)):
            places = [place for place, atom in enumerate(atoms_of(value.dims[axis])) if not is_fixed(atom)]
            for place, (atom, unknown) in zip(places, scales.unknowns(value, axis), strict=True):
                for free, power in scales.system.resolve(unknown).items():
                    found.setdefault(free, {}).setdefault(name, []).append((axis, place, power))
                    owner[free] = names[find(atom)]
    actions = []
    for free in sorted(found):
        common = lcm(*(power.denominator for entries in found[free].values() for _, _, power in entries))
        powers = {
            name: tuple((axis, place, int(power * common)) for axis, place, power in entries)
            for name, entries in found[free].items()
        }
        if free >= 0:
            actions.append(Action(owner[free], "sign" if scales.signs else "scale", powers))
        elif free in shifts:
            tensor, half_turn = shifts[free]
            actions.append(Action(owner[free], "phase", powers, {tensor: half_turn}))
    return actions


def _phase_shifts(scales: Scales, steps: list[Step], params: Mapping[str, Value]) -> dict[int, tuple[str, float]]:
    """For each sine whose input has a bias of its own: that bias, and what it takes to turn the sine by half a turn."""
    makers = {id(step.out): step for step in steps}
    readers: dict[int, int] = {}
    for step in steps:
        for value in step.ins:
            readers[id(value)] = readers.get(id(value), 0) + 1
    owners = {id(value): name for name, value in params.items() if readers.get(id(value)) == 1}
    shifts = {}
    for half_turn, (step, atom) in scales.phases.items():
        bias = _bias_of(step.ins[0], atom, makers, readers, owners)
        if bias is None:
            scales.system.equation([(half_turn, 1)])
        else:
            shifts[half_turn] = bias
    return shifts


def _bias_of(
    value: Value, atom: Dim, makers: Mapping[int, Step], readers: Mapping[int, int], owners: Mapping[int, str]
) -> tuple[str, float] | None:
    """Walk back from a sine's input, through factors, to where a bias is added to it."""
    factor = 1.0
    while readers.get(id(value)) == 1 and id(value) in makers:
        step = makers[id(value)]
        if step.kind == "flat" and len(step.ins) == 1:
            value = step.ins[0]
        elif step.kind == "equal" and len(step.ins) == 1 and isinstance(step.data, int | float):
            factor *= step.data
            value = step.ins[0]
        elif step.kind == "equal" and len(step.ins) == 2 and step.data is None:
            bias = _unflattened(step.ins[1], makers, readers)
            if id(bias) in owners and len(bias.dims) == 1 and atoms_of(bias.dims[0]) == [atom]:
                return owners[id(bias)], pi / factor
            return None
        else:
            return None
    return None


def _unflattened(value: Value, makers: Mapping[int, Step], readers: Mapping[int, int]) -> Value:
    """The value before reshapes that nothing else reads."""
    while id(value) in makers and makers[id(value)].kind == "flat" and readers.get(id(value)) == 1:
        value = makers[id(value)].ins[0]
    return value
