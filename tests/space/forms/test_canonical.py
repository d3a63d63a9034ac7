"""The canonical form: one for all members of an orbit."""

import pytest
import torch

from tests.space.nets.architectures import BY_NAME, traced, weights_of
from tests.space.test_symmetry import KINDS, RICH, distance, draw, same
from weightspace.space import WeightSpace

NAMES = list(BY_NAME)
MLP = WeightSpace.parse({"a.weight": "h in", "a.bias": "h", "b.weight": "out h"}, sizes={"h": 4, "in": 2, "out": 1})


@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_an_orbit_has_the_same_form(name):
    space, weights = traced(name), weights_of(name)
    form, _ = space.canonicalize(weights)
    again, _ = space.canonicalize(space.apply(draw(name, 3), weights))
    assert distance(form, again) < 1e-9


@pytest.mark.parametrize("name", RICH)
def test_permutations_and_signs_lead_to_the_same_bits(name):
    space, weights = traced(name), weights_of(name)
    form, _ = space.canonicalize(weights)
    again, _ = space.canonicalize(space.apply(draw(name, 3, kinds=("permutation", "sign")), weights))
    assert distance(form, again) < 1e-14


@pytest.mark.parametrize("name", NAMES)
def test_the_symmetry_leads_to_the_form(name):
    space, weights = traced(name), weights_of(name)
    form, symmetry = space.canonicalize(weights)
    assert distance(space.apply(symmetry, weights), form) < 1e-11


@pytest.mark.parametrize("name", RICH)
def test_a_form_is_its_own_form(name):
    space = traced(name)
    form, _ = space.canonicalize(weights_of(name))
    assert distance(space.canonicalize(form)[0], form) < 1e-9


@pytest.mark.parametrize("name", RICH)
def test_other_orbits_have_other_forms(name):
    space, weights = traced(name), weights_of(name)
    first = next(key for key, spec in space.tensors.items() if spec.role == "weight")
    changed = weights[first].clone()
    changed.flatten()[0] += 0.5
    others = {key: changed if tensor is weights[first] else tensor for key, tensor in weights.items()}
    assert distance(space.canonicalize(weights)[0], space.canonicalize(others)[0]) > 1e-3


@pytest.mark.parametrize("name", RICH)
def test_a_stack_is_brought_to_the_forms_of_its_nets(name):
    space, stack = traced(name), weights_of(name, nets=3)
    acted = space.apply(draw(name, 2, batch=3), stack)
    forms, symmetry = space.canonicalize(acted)
    assert distance(space.apply(symmetry, acted), forms) < 1e-11
    for i in range(3):
        alone, _ = space.canonicalize({key: tensor[i] for key, tensor in stack.items()})
        assert distance({key: tensor[i] for key, tensor in forms.items()}, alone) < 1e-9


def test_scales_have_norm_one():
    space = traced("relu_mlp")
    form, _ = space.canonicalize(weights_of("relu_mlp"))
    feeds = torch.cat([form["0.weight"], form["0.bias"][:, None]], 1)
    torch.testing.assert_close(feeds.norm(dim=1), torch.ones(8, dtype=torch.float64))


def test_a_sines_bias_lies_within_a_quarter_turn():
    space = traced("siren")
    form, _ = space.canonicalize(space.apply(draw("siren", 1), weights_of("siren")))
    assert float((30 * form["a.bias"]).abs().max()) <= torch.pi / 2 + 1e-9


# ---- nets that aren't in general position ----------------------------------------------------------------------------


def test_dead_neurons_keep_their_scale():
    space, weights = traced("relu_mlp"), weights_of("relu_mlp")
    weights["0.weight"][3], weights["0.bias"][3] = 0.0, 0.0
    form, _ = space.canonicalize(weights)
    again, _ = space.canonicalize(space.apply(draw("relu_mlp", 1, kinds=("permutation",)), weights))
    assert all(bool(tensor.isfinite().all()) for tensor in form.values())
    assert distance(form, again) < 1e-12
    dead = (form["0.weight"] == 0).all(1)
    torch.testing.assert_close(form["2.weight"][:, dead], weights["2.weight"][:, [3]])


@pytest.mark.parametrize("name", ["siren", "gru", "vit_block"])
def test_all_zero_weights_are_their_own_form(name):
    weights = {key: torch.zeros_like(tensor) for key, tensor in weights_of(name).items()}
    assert distance(traced(name).canonicalize(weights)[0], weights) == 0


def test_equal_neurons_are_no_ambiguity():
    weights = {"a.weight": torch.tensor([[1.0, 2], [3, 4], [1, 2], [0, 1]]), "a.bias": torch.tensor([1.0, 2, 1, 0])}
    weights["b.weight"] = torch.tensor([[1.0, 2, 1, 3]])
    form, _ = MLP.canonicalize(weights)
    for seed in range(5):
        symmetry = MLP.random_symmetry(torch.Generator().manual_seed(seed))
        assert same(MLP.canonicalize(MLP.apply(symmetry, weights))[0], form)


def test_neurons_that_tie_keep_the_order_they_came_in():
    weights = {"a.weight": torch.zeros(4, 2), "a.bias": torch.zeros(4), "b.weight": torch.tensor([[1.0, -1, 1, -1]])}
    form, symmetry = MLP.canonicalize(weights)
    assert same(form, weights)
    assert symmetry.permutations["h"].tolist() == [0, 1, 2, 3]


def test_kinds_are_all_covered():
    found = {action.kind for name in RICH for action in traced(name).actions}
    assert found | {"permutation"} == set(KINDS)
