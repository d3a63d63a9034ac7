"""The scale, sign and phase symmetries of a traced computation, read off the solution of its scale equations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm, pi
from typing import Any

from weightspace.space.actions.scales import Scales, Span
from weightspace.space.algebra.dims import Dim, atoms_of, find, is_fixed
from weightspace.space.algebra.value import Step, Value
from weightspace.space.parts import KINDS, Action


def find_actions(steps: Sequence[Step], params: Mapping[str, Value], names: Mapping[Dim, str]) -> list[Action]:
    """The scale, sign and phase symmetries of a traced computation.

    Args:
        steps: in the order of the computation. params: the value of each parameter. names: of the free leaves.
    """
    used = {id(value) for step in steps for value in step.ins}
    reached = {name: value for name, value in params.items() if id(value) in used}
    actions = _solved(steps, reached, names)
    modes = sorted({step.mode for step in steps} - {"both"})
    for mode in modes if len(modes) == 2 else ():
        found = _solved([step for step in steps if step.mode in ("both", mode)], reached, names)
        actions += _beyond([action for action in actions if action.mode == "both"], found, mode)
    order = {name: index for index, name in enumerate(dict.fromkeys(names.values()))}
    return sorted(actions, key=lambda action: (order[action.name], KINDS.index(action.kind)))


def upright(action: Action, targets: Mapping[str, tuple[int, ...]]) -> Action:
    """The same scales, turned so that they multiply the weights that lead to the neurons.

    Where no value that the net computes bears the neurons, as between two weights that are multiplied, the equations
    leave open which of the two sides is multiplied and which divided.

    Args:
        targets: for each weight its axes that lead to neurons.
    """
    leading = [power for name, powers in action.powers.items() for axis, _, power in powers if axis in targets[name]]
    if action.kind != "scale" or not leading or max(leading) >= 0:
        return action
    turned = {n: tuple((axis, place, -p) for axis, place, p in powers) for n, powers in action.powers.items()}
    return replace(action, powers=turned)


def _solved(steps: Sequence[Step], params: Mapping[str, Value], names: Mapping[Dim, str]) -> list[Action]:
    """The symmetries that all these steps allow."""
    actions = []
    for signs in (False, True):
        scales = Scales(signs)
        for step in steps:
            scales.read(step)
        shifts = _phase_shifts(scales, steps, params) if signs else {}
        actions.extend(_generators(scales, params, names, shifts))
    return actions


def _beyond(known: Sequence[Action], found: Sequence[Action], mode: str) -> list[Action]:
    """Those scales and signs among the found ones that the known ones don't generate, as holding in one mode."""
    result = []
    for kind, modulus in (("scale", None), ("sign", 2)):
        span = Span(modulus)
        for action in known:
            span.add(_powers(action) if action.kind == kind else {})
        result += [replace(a, mode=mode) for a in found if a.kind == kind and span.add(_powers(a))]
    return result


def _powers(action: Action) -> dict[Any, Fraction]:
    return {(t, axis, place): Fraction(p) for t, powers in action.powers.items() for axis, place, p in powers}


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
    for half_turn, (_, atom) in scales.phases.items():
        unseen = half_turn in shifts and half_turn not in found and not is_fixed(atom)
        if unseen and scales.system.resolve(half_turn) == {half_turn: 1}:  # a sign that nothing reads
            found[half_turn], owner[half_turn] = {}, names[find(atom)]
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


def _phase_shifts(scales: Scales, steps: Sequence[Step], params: Mapping[str, Value]) -> dict[int, tuple[str, float]]:
    """For each value whose sine or cosine is taken: a bias of its own, and what it takes to turn it by half a turn."""
    biases = _Biases(steps, params)
    shifts = {}
    for half_turn, (value, atom) in scales.phases.items():
        bias = biases.behind(value, atom) if biases.is_for_waves(value) else None
        if bias is None:
            scales.system.equation([(half_turn, 1)])
        else:
            shifts[half_turn] = bias
    return shifts


class _Biases:
    """Finds the biases that are added to values, and to nothing else."""

    def __init__(self, steps: Sequence[Step], params: Mapping[str, Value]):
        self.makers = {id(step.out): step for step in steps}
        self.readers: dict[int, list[str]] = {}
        for step in steps:
            for value in (*step.ins, *step.also):
                self.readers.setdefault(id(value), []).append(step.kind)
        self.owners = {id(value): name for name, value in params.items() if self._is_read_once(value)}

    def _is_read_once(self, value: Value) -> bool:
        return len(self.readers.get(id(value), ())) == 1

    def is_for_waves(self, value: Value) -> bool:
        """Nothing but sines and cosines read it."""
        return set(self.readers.get(id(value), ())) <= {"sine", "cosine"}

    def behind(self, value: Value, atom: Dim, factor: float = 1.0) -> tuple[str, float] | None:
        """Walk back through factors and sums to where a bias is added."""
        step = self.makers.get(id(value))
        if step is None or step.kind not in ("flat", "equal", "shifted") or step.mode != "both":
            return None
        if step.kind == "equal" and len(step.ins) == 1:
            if not isinstance(step.data, int | float) or not step.data:
                return None
            factor *= step.data
        for part in step.ins[::-1]:  # a bias mostly comes last
            plain = self._unflattened(part)
            if id(plain) in self.owners and len(plain.dims) == 1 and atoms_of(plain.dims[0]) == [atom]:
                return self.owners[id(plain)], pi / factor
            found = self.behind(part, atom, factor) if self._is_read_once(part) else None
            if found is not None:
                return found
        return None

    def _unflattened(self, value: Value) -> Value:
        """The value before reshapes that nothing else reads."""
        while id(value) in self.makers and self.makers[id(value)].kind == "flat" and self._is_read_once(value):
            value = self.makers[id(value)].ins[0]
        return value
