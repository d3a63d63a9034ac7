"""Laws of symmetries, and one canonical form an orbit, for architectures of every kind, in float64."""

import warnings
from functools import cache

import pytest
import torch
from torch.func import functional_call
from torch.utils import _pytree as pytree

from tests.space.known.groups import KNOWN
from tests.space.nets.unusual import UNUSUAL, unusual, unusual_space
from weightspace.space import WeightSpace
from weightspace.space.computation.float64 import in_float64
from weightspace.space.forms import entries as entries_module
from weightspace.space.forms.obstacles import unsettled
from weightspace.space.forms.signs import joint_signs
from weightspace.space.matrices import MATRIX_KINDS
from weightspace.space.parts import KINDS

NO_MATRICES = tuple(kind for kind in KINDS if kind not in MATRIX_KINDS)
NAMES = [*UNUSUAL, *(f"known {name}" for name in [*KNOWN][::6]), "known tensor train", "known attention"]


@cache
def case(name):
    """Space, module in float64, inputs, weights in general position, and the kinds for which a form is promised."""
    if name in UNUSUAL:
        module, args = unusual(name)
        space = unusual_space(name)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module, args = KNOWN[name.removeprefix("known ")].build()
            module.eval()
            space = WeightSpace.trace(module, *args)
            module, args = module.double(), tuple(a.double() if a.is_floating_point() else a for a in args)
            for parameter in module.parameters():
                parameter.data += 0.1 * torch.randn_like(parameter)
    weights = {key: tensor.detach() for key, tensor in module.state_dict().items()}
    return space, module, args, weights, KINDS if not unsettled(space) else NO_MATRICES


def draw(space, seed, kinds):
    return space.random_symmetry(torch.Generator().manual_seed(seed), kinds)


def gap(one, other):
    sizes = {name: float(one[name].abs().max()) + 1 if one[name].numel() else 1.0 for name in one}
    return max(float((one[name] - other[name]).abs().max()) / sizes[name] for name in one if one[name].numel())


def outputs(module, weights, args):
    with in_float64():
        found = pytree.tree_leaves(functional_call(module, weights, args, tie_weights=False))
    return torch.cat([leaf.detach().flatten() for leaf in found if isinstance(leaf, torch.Tensor)])


def test_there_are_many():
    assert len(NAMES) >= 40


@pytest.mark.filterwarnings("ignore:The canonical form leaves open")
@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_an_orbit_has_the_same_form(name):
    space, module, args, weights, kinds = case(name)
    form, symmetry = space.canonicalize(weights)
    assert gap(form, space.apply(symmetry, weights)) < 1e-10
    torch.testing.assert_close(outputs(module, form, args), outputs(module, weights, args), rtol=1e-9, atol=1e-9)
    for seed in range(3):
        moved = space.apply(draw(space, seed, kinds), weights)
        assert gap(form, space.canonicalize(moved)[0]) < 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_laws_and_function(name):
    space, module, args, weights, _ = case(name)
    before = outputs(module, weights, args)
    for seed in range(2):
        one, other = draw(space, 2 * seed, KINDS), draw(space, 2 * seed + 1, KINDS)
        moved = space.apply(one, weights)
        assert gap(space.apply(other, moved), space.apply(other.compose(one), weights)) < 1e-10
        assert gap(weights, space.apply(one.inverse(), moved)) < 1e-10
        torch.testing.assert_close(outputs(module, moved, args), before, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["sine_blocks", "two_streams"])
def test_phases_that_flip_the_biases_of_others_compose_for_each_net_of_a_stack(name):
    space, _, _, weights, _ = case(name)
    stack = {key: torch.stack([tensor, 2 * tensor]) for key, tensor in weights.items()}
    one, other = (space.random_symmetry(torch.Generator().manual_seed(seed), KINDS, batch=2) for seed in (0, 1))
    assert gap(space.apply(other, space.apply(one, stack)), space.apply(other.compose(one), stack)) < 1e-10
    forms, _ = space.canonicalize(space.apply(one, stack))
    for net, factor in enumerate((1, 2)):
        alone, _ = space.canonicalize({key: factor * tensor for key, tensor in weights.items()})
        assert gap(alone, {key: tensor[net] for key, tensor in forms.items()}) < 1e-10


@pytest.mark.parametrize("name", ["sine_blocks", "two_streams"])
def test_biases_of_sines_lie_within_a_quarter_turn(name):
    space, _, _, weights, kinds = case(name)
    form, _ = space.canonicalize(space.apply(draw(space, 1, kinds), weights))
    for action in space.actions:
        for tensor, shift in action.shifts.items():
            assert float(form[tensor].abs().max()) <= shift / 2 + 1e-9


# ---- what is left open -----------------------------------------------------------------------------------------------


def test_matrices_that_cannot_be_settled_are_named():
    space, _, _, weights, _ = case("hidden_capsules")
    assert unsettled(space) == ("the matrices that mix 'a', as only what they mix tells the scales of 'poses.dim'",)
    with pytest.warns(UserWarning, match="The canonical form leaves open: the matrices that mix 'a', as only"):
        space.canonicalize(weights)
    assert "as they are more than what feeds or reads them" in unsettled(case("channel_padding")[0])[0]
    assert any("act on 'qkv.weight' too" in told for told in unsettled(case("talking_heads")[0]))


@pytest.mark.parametrize("name", ["sine_blocks", "capsules", "kronecker", "known relu"])
def test_nothing_is_said_where_all_is_settled(name):
    space, _, _, weights, _ = case(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        space.canonicalize(weights)


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_signs_that_meet_everywhere_are_settled_together():
    space, _, _, weights, _ = case("capsules")
    actions = [index for index, action in enumerate(space.actions) if action.kind == "sign"]
    for zero in (False, True):
        weights = {key: tensor.clone() for key, tensor in weights.items()}
        if zero:
            weights["poses"][0, :, 0] = 0.0  # the first of several ways to tell is not there
        moved = space.apply(draw(space, 3, ("sign",)), weights)
        assert gap(settled(space, weights, actions), settled(space, moved, actions)) == 0
        assert gap(weights, moved) > 0.1


def settled(space, weights, actions):
    found, weights = joint_signs(space, weights, actions, False), dict(weights)
    for action in actions:
        for place in entries_module.entries_of(space)[action]:
            weights[place.tensor] = place.multiply(weights[place.tensor], found[action], False)
    return weights


def chain(layers):
    axes = {"0": "h0 in"} | {str(n): f"h{n} h{n - 1}" for n in range(1, layers)} | {"o": f"out h{layers - 1}"}
    sizes = {"in": 2, "out": 2} | {f"h{n}": 3 for n in range(layers)}
    space = WeightSpace.parse(axes, sizes=sizes).to_dict()
    names = [*axes]
    space["actions"] = [
        {"name": f"h{n}", "kind": kind, "powers": {names[n]: [[0, 0, 1]], names[n + 1]: [[1, 0, -1]]}, "shifts": {}}
        for n in range(layers)
        for kind in ("scale",)
    ]
    return WeightSpace.from_dict(space)


def test_work_grows_with_tensors_and_not_with_names_times_tensors(monkeypatch):
    work = {}
    for layers in (20, 40):
        space, count = chain(layers), [0]
        weights = {name: torch.randn(spec.shape, dtype=torch.float64) for name, spec in space.tensors.items()}
        multiply, meets = entries_module.Entry.multiply, entries_module.Entry.meets

        def counted(self, *args, function=multiply, count=count):
            count[0] += 1
            return function(self, *args)

        monkeypatch.setattr(entries_module.Entry, "multiply", counted)
        monkeypatch.setattr(
            entries_module.Entry, "meets", lambda self, other, c=counted, f=meets: c(self, other, function=f)
        )
        space.canonicalize(weights)
        monkeypatch.undo()
        work[layers] = count[0]
    assert work[40] < 2.2 * work[20]
