"""Which scales, signs and phases commute with a computation: a linear system over the steps that were traced.

Give every atom of every axis of every value an unknown power. A step ties them: a product adds powers, an addition
makes them equal, a sum over neurons needs the two powers to cancel, a nonlinearity lets some kinds through. The
solutions that touch parameters are the symmetries. Over the rationals they are scales, modulo 2 they are signs; a
sine adds an unknown of its own, the half turn of its input.
"""

from collections.abc import Hashable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from weightspace.space.algebra.dims import Dim, atoms_of, is_fixed, terms
from weightspace.space.algebra.value import Step, Value

_PASSES = {  # what a step lets through: (scales, signs)
    "equal": (True, True), "positive": (True, False), "odd": (False, True), "sine": (False, True),
    "opaque": (False, False), "order": (False, False), "signum": (False, True), "even": (False, False),
    "abs": (True, False), "cosine": (False, True), "shifted": (False, False),
}  # fmt: skip


Power = int | Fraction  # a whole number wherever it can be one: fractions take ten times as long


class System:
    """Linear equations, solved as they come: the newest unknown of each is expressed by the others."""

    def __init__(self, modulus: int | None):
        self.modulus = modulus
        self._known: dict[int, dict[int, Power]] = {}

    def resolve(self, unknown: int) -> dict[int, Power]:
        """An unknown as a combination of free ones."""
        if unknown not in self._known:
            return {unknown: 1}
        known = self._known[unknown]
        if any(other in self._known for other in known):
            known = self._known[unknown] = self.combine(known.items())
        return known

    def combine(self, row: Iterable[tuple[int, Power]]) -> dict[int, Power]:
        """A combination of unknowns in terms of free ones."""
        total: dict[int, Power] = {}
        for unknown, factor in row:
            for free, power in self.resolve(unknown).items():
                total[free] = total.get(free, 0) + factor * power
        if self.modulus is not None:
            total = {free: power % self.modulus for free, power in total.items()}
        return {free: power for free, power in total.items() if power}

    def equation(self, row: Iterable[tuple[int, Power]]) -> None:
        """The combination is zero."""
        left = self.combine(row)
        if left:
            pivot = max(left)
            factor = left.pop(pivot)
            if factor not in (1, -1):
                left = {free: _whole(Fraction(power) / factor) for free, power in left.items()}
                factor = 1
            known = {free: -power * factor for free, power in left.items()}
            if self.modulus is not None:
                known = {free: power % self.modulus for free, power in known.items()}
            self._known[pivot] = known


def _whole(power: Fraction) -> Power:
    return power.numerator if power.denominator == 1 else power


class Span:
    """All combinations of the vectors that were added."""

    def __init__(self, modulus: int | None):
        self.modulus = modulus
        self._rows: dict[Hashable, dict[Hashable, Fraction]] = {}

    def add(self, vector: Mapping[Hashable, Fraction]) -> bool:
        """Add a vector; whether it was none of the combinations yet."""
        rest = self._reduced(vector.items())
        for pivot, row in self._rows.items():
            if pivot in rest:
                factor = rest[pivot] / row[pivot]
                joined = [(key, rest.get(key, Fraction(0)) - factor * row.get(key, Fraction(0))) for key in rest | row]
                rest = self._reduced(joined)
        if rest:
            self._rows[next(iter(rest))] = rest
        return bool(rest)

    def _reduced(self, entries: Iterable[tuple[Hashable, Fraction]]) -> dict[Hashable, Fraction]:
        kept = ((key, value if self.modulus is None else Fraction(value % self.modulus)) for key, value in entries)
        return {key: value for key, value in kept if value}


class Scales:
    """The system of one trace; ``signs`` chooses arithmetic modulo 2."""

    def __init__(self, signs: bool):
        self.signs = signs
        self.system = System(2 if signs else None)
        self._unknowns: dict[tuple[int, int, int], int] = {}
        self._values: dict[int, Value] = {}  # keeps values alive, so that their ids stay theirs
        self.phases: dict[int, tuple[Value, Dim]] = {}  # half a turn of which value, of which of its atoms
        self._half_turns: dict[tuple[int, int, int], int] = {}
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
            return self._labelled(step, [1] * len(step.ins))
        if step.kind == "power":
            return self._power(step)
        if step.kind in (("abs", "even") if self.signs else ("order", "signum")):
            return self.zero(step.out)
        if step.kind in ("sine", "cosine") and self.signs:
            return self._wave(step)
        if not _PASSES[step.kind][self.signs]:
            for value in (step.out, *step.ins):
                self.zero(value)
            return None
        for index, value in enumerate(step.ins):
            if value.constant != "zero":
                self._labelled(Step(step.kind, step.out, (value,), (step.labels[0], step.labels[1 + index])), [1])
        return None

    def _wave(self, step: Step) -> None:
        """A sine or cosine: half a turn of its input, which all waves that read it share, is a sign of its output."""
        value = step.ins[0]
        for axis in range(len(value.dims)):
            pairs = zip(self.unknowns(step.out, axis), self.unknowns(value, axis), strict=True)
            for place, ((atom, outer), (_, inner)) in enumerate(pairs):
                key = (id(value), axis, place)
                if key not in self._half_turns:
                    # older than any other unknown, so that it stays free as long as it can
                    self._half_turns[key] = -self.new()
                    self.phases[self._half_turns[key]] = (value, atom)
                row: list[tuple[int, Power]] = [(outer, 1), (self._half_turns[key], 1)]
                self.system.equation([*row, (inner, 1)] if step.kind == "sine" else row)

    def _power(self, step: Step) -> None:
        power = _whole(Fraction(step.data).limit_denominator(64))
        if self.signs and not isinstance(power, int):
            self.zero(step.ins[0])
            power = 0
        self._labelled(step, [power])

    def _labelled(self, step: Step, powers: list[Power]) -> None:
        """One equation for each atom under each label: the output's power is the sum of the inputs'."""
        rows: dict[Any, list[list[tuple[Dim, int, Power]]]] = {}
        for value, labels, power in zip((step.out, *step.ins), step.labels, [-1, *powers], strict=True):
            for axis, label in enumerate(labels):
                found = [(atom, unknown, power) for atom, unknown in self.unknowns(value, axis)]
                rows.setdefault(label, []).append(found)
        for label, columns in rows.items():
            self._equate(columns if label is not None else [[c] for column in columns for c in column])

    def _equate(self, columns: list[list[tuple[Dim, int, Power]]]) -> None:
        filled = [column for column in columns if column]
        if any([atom for atom, _, _ in column] != [atom for atom, _, _ in filled[0]] for column in filled):
            for column in filled:
                for _, unknown, _ in column:
                    self.system.equation([(unknown, 1)])
            return
        for entries in zip(*filled, strict=True):
            self.system.equation([(unknown, power) for _, unknown, power in entries])

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
