"""The linear system behind scales and signs, without any export."""

from fractions import Fraction

import pytest
import torch

from weightspace.space.actions.scales import Scales, System
from weightspace.space.algebra.dims import leaf, sum_dim
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.record import Record
from weightspace.space.algebra.value import Value


def operation():
    return Operation("aten.any", ((),), (torch.float32,), False, frozenset(), Record())


def value(*sizes, **settings):
    return Value(tuple(leaf(size) for size in sizes), torch.float32, **settings)


def powers(t, signs, *values):
    """The power of each value's first atom of its last axis, in terms of free unknowns."""
    scales = Scales(signs)
    for step in t.record.steps:
        scales.read(step)
    return [scales.system.resolve(scales.unknowns(v, len(v.dims) - 1)[0][1]) for v in values]


def test_equations_are_solved_as_they_come():
    system = System(None)
    system.equation([(3, 1), (2, -1), (1, -1)])  # x3 = x2 + x1
    system.equation([(3, 2), (1, -1)])  # 2 x3 = x1
    assert system.resolve(2) == {1: Fraction(-1, 2)} and system.resolve(3) == {1: Fraction(1, 2)}
    system.equation([(1, 5)])
    assert system.resolve(3) == system.resolve(2) == {}


def test_modulo_two_a_double_is_nothing():
    system = System(2)
    system.equation([(2, 1), (1, 1)])
    assert system.resolve(2) == {1: 1}
    system.equation([(2, 1), (1, -1)])
    assert system.resolve(1) == {1: 1}


@pytest.mark.parametrize(
    ("kind", "scale", "sign"),
    [("equal", True, True), ("positive", True, False), ("odd", False, True), ("sine", False, True),
     ("abs", True, False), ("even", False, False), ("opaque", False, False)],
)  # fmt: skip
def test_what_each_kind_lets_through(kind, scale, sign):
    t, x = operation(), value(3, 4)
    y = t.pointwise(kind, x)
    for signs, passes in ((False, scale), (True, sign)):
        # without half turns, which count from -1 down
        before, after = ({n: power for n, power in row.items() if n > 0} for row in powers(t, signs, x, y))
        assert bool(after) == passes
        if passes:
            assert before == after


def test_a_sine_adds_its_half_turn():
    t, x = operation(), value(4)
    y = t.pointwise("sine", x)
    before, after = powers(t, True, x, y)
    (half_turn,) = set(before) ^ set(after)
    assert half_turn < 0


def test_factors_multiply_and_cancel_in_sums():
    t, x, w = operation(), value(2, 4), value(3, 4)
    y = t.einsum([x, w], [["n", "i"], ["o", "i"]], ["n", "o"])
    into, weight, out = powers(t, False, x, w, y)
    assert into == {unknown: -power for unknown, power in weight.items()}
    assert set(out).isdisjoint(into)


def test_summed_neurons_keep_their_factor():
    t, x = operation(), value(2, 4)
    t.reduce(x, [1], keep=False)
    assert powers(t, False, x) == powers(t, True, x) == [{}]


def test_powers_multiply():
    t, x = operation(), value(4)
    y = t.pointwise("power", x, data=2)
    z = t.pointwise("power", y, data=-0.5)
    one, two, back = powers(t, False, x, y, z)
    assert two == {unknown: 2 * power for unknown, power in one.items()}
    assert back == {unknown: -power for unknown, power in one.items()}
    assert powers(t, True, y) == [{}]  # a square forgets the sign


@pytest.mark.parametrize(("constant", "passes"), [("zero", True), ("uniform", False), ("data", False)])
def test_adding_a_constant(constant, passes):
    t, x = operation(), value(4)
    t.pointwise("equal", x, Value((leaf(4),), torch.float32, constant=constant))
    assert bool(powers(t, False, x)[0]) == passes


def test_concatenated_neurons_keep_their_own_factors():
    t, x, y = operation(), value(3), value(4)
    both = t.join([x, y], 0)
    scales = Scales(False)
    for step in t.record.steps:
        scales.read(step)
    inside = [scales.system.resolve(unknown) for _, unknown in scales.unknowns(both, 0)]
    assert inside == [scales.system.resolve(scales.unknowns(v, 0)[0][1]) for v in (x, y)]
    assert inside[0] != inside[1]


def test_a_slice_has_the_factor_of_its_part():
    t = operation()
    x = Value((sum_dim([leaf(3), leaf(4)]),), torch.float32)
    y = t.slice(x, 0, 3, 7)
    scales = Scales(False)
    for step in t.record.steps:
        scales.read(step)
    first, second = (scales.system.resolve(unknown) for _, unknown in scales.unknowns(x, 0))
    assert scales.system.resolve(scales.unknowns(y, 0)[0][1]) == second != first
