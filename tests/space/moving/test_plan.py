"""Orders and factors of all places at once against those of one axis after the other."""

import pytest
import torch

from tests.space.nets.architectures import BY_NAME, traced
from weightspace.space import WeightSpace
from weightspace.space.axes import Product
from weightspace.space.moving.plan import Actings, plan_of
from weightspace.space.spread import axis_order, gathered, spread_over_axis

KINDS = ("permutation", "scale", "sign", "phase")


def slow(symmetry, place):
    """Order and factor of one place."""
    order = axis_order(place.axis, symmetry.permutations)
    factor = None
    for index, occurrence, power in place.actions:
        if index in symmetry.factors:
            vector = symmetry.factors[index]
            is_phase = symmetry.space.actions[index].kind == "phase"
            vector = 1 - 2 * (vector.abs() % 2) if is_phase else vector**power
            along = spread_over_axis(place.axis, occurrence, vector, 1.0)
            factor = along if factor is None else factor * along
    return order, None if factor is None else gathered(factor, order)


def same(one, other):
    return (one is None) == (other is None) and (one is None or torch.allclose(one.double(), other.double(), atol=0))


@pytest.mark.parametrize("name", list(BY_NAME))
@pytest.mark.parametrize("nets", [None, 3])
def test_places_are_acted_on_as_axes_are(name, nets):
    space = traced(name)
    generator = torch.Generator().manual_seed(0)
    for kinds in (KINDS, ("permutation",), ("scale", "sign")):
        symmetry = space.random_symmetry(generator, kinds, nets)
        actings, plan = Actings(symmetry), plan_of(space)
        for tensor, places in plan.tensors.items():
            for place, acting in zip(places, actings.of(tensor, True), strict=True):
                order, factor = slow(symmetry, plan.places[place])
                assert same(acting.order, order) and same(acting.factor, factor)


def test_a_fixed_end_of_an_axis_is_a_place_of_its_own():
    space = WeightSpace.parse(
        {"a": "c in 3 3", "b": "out (c 7 (2 3))", "c": "(c (c + 2))"}, sizes={"c": 4, "in": 3, "out": 2}
    )
    plan = plan_of(space)
    shown = {name: [str(plan.places[place].axis) for place in places] for name, places in plan.tensors.items()}
    assert shown == {"a": ["c", "in", "3", "3"], "b": ["out", "c", "42"], "c": ["(c (c + 2))"]}
    assert isinstance(plan.places[plan.tensors["c"][0]].axis, Product)


def test_a_planted_wrong_step_is_noticed(monkeypatch):
    space = WeightSpace.parse({"a": "(b (c + 2))", "x": "b", "y": "c"}, sizes={"b": 3, "c": 4})
    symmetry = space.random_symmetry(torch.Generator().manual_seed(0))
    plan = plan_of(space)
    number, other = plan.tensors["a"][0], plan.orders
    monkeypatch.setattr("weightspace.space.moving.plan.plan_of", lambda space: plan)
    assert same(Actings(symmetry).of("a", True)[0].order, slow(symmetry, plan.places[number])[0])
    wrong = tuple(lookup._replace(steps=torch.ones_like(lookup.steps)) for lookup in other)
    object.__setattr__(plan, "orders", wrong)
    assert not same(Actings(symmetry).of("a", True)[0].order, slow(symmetry, plan.places[number])[0])
