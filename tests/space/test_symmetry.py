"""Acting on weights: the function stays, and symmetries compose and invert."""

import pytest
import torch
from torch.func import functional_call

from tests.space.known.groups import KNOWN
from tests.space.nets.architectures import BY_NAME, traced, weights_of
from weightspace.space import Symmetry, WeightSpace, parse_axes
from weightspace.space.spread import axis_order, find_atom, spread_over_axis

NAMES = list(BY_NAME)
KINDS = ("permutation", "scale", "sign", "phase")
EXACT = ("permutation", "sign")
RICH = ["siren", "residual", "vit_block", "gru", "dense", "shuffles", "soft_mixture", "tied"]


def draw(name, seed=0, kinds=KINDS, batch=None):
    return traced(name).random_symmetry(torch.Generator().manual_seed(seed), kinds, batch)


def distance(one, other):
    assert list(one) == list(other)
    return max(float((one[name] - other[name]).abs().max()) if one[name].numel() else 0.0 for name in one)


def same(one, other):
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", NAMES)
def test_permutations_and_signs_invert_to_the_bit(name):
    space, weights, symmetry = traced(name), weights_of(name), draw(name, 1, kinds=EXACT)
    acted = space.apply(symmetry, weights)
    assert same(space.apply(symmetry.inverse(), acted), weights)
    assert not same(acted, weights) or not space.free


@pytest.mark.parametrize("name", NAMES)
def test_all_kinds_invert_and_compose(name):
    space, weights, first, second = traced(name), weights_of(name), draw(name, 1), draw(name, 2)
    acted = space.apply(first, weights)
    assert distance(space.apply(first.inverse(), acted), weights) < 1e-11
    assert distance(space.apply(second, acted), space.apply(second.compose(first), weights)) < 1e-11


@pytest.mark.parametrize("name", RICH)
def test_composition_is_associative_and_has_a_neutral_element(name):
    space, weights = traced(name), weights_of(name)
    one, two, three = (draw(name, seed) for seed in (1, 2, 3))
    left, right = one.compose(two).compose(three), one.compose(two.compose(three))
    assert distance(space.apply(left, weights), space.apply(right, weights)) < 1e-11
    for neutral in (one.compose(space.identity()), space.identity().compose(one)):
        assert distance(space.apply(neutral, weights), space.apply(one, weights)) < 1e-14
    assert distance(space.apply(one.inverse().compose(one), weights), weights) < 1e-11


def test_the_identity_copies():
    weights = weights_of("residual")
    copied = traced("residual").apply(traced("residual").identity(), weights)
    assert same(copied, weights)
    assert all(copied[name].data_ptr() != weights[name].data_ptr() for name in weights)


@pytest.mark.parametrize("name", RICH)
def test_a_stack_is_acted_on_net_by_net(name):
    space, stack = traced(name), weights_of(name, nets=3)
    nets = [{key: tensor[i] for key, tensor in stack.items()} for i in range(3)]
    one = draw(name)
    each = draw(name, batch=3)
    for symmetry, own in ((one, [one] * 3), (each, [_net(each, i) for i in range(3)])):
        acted = space.apply(symmetry, stack)
        for i in range(3):
            assert distance({key: t[i] for key, t in acted.items()}, space.apply(own[i], nets[i])) < 1e-12


def _net(symmetry, i):
    permutations = {name: order[i] for name, order in symmetry.permutations.items()}
    return Symmetry(symmetry.space, permutations, {key: vector[i] for key, vector in symmetry.factors.items()})


@pytest.mark.parametrize("name", RICH)
def test_batches_invert_and_compose(name):
    space, stack, first, second = traced(name), weights_of(name, nets=3), draw(name, 1, batch=3), draw(name, 2, batch=3)
    acted = space.apply(first, stack)
    assert distance(space.apply(first.inverse(), acted), stack) < 1e-11
    assert distance(space.apply(second, acted), space.apply(second.compose(first), stack)) < 1e-11
    mixed = draw(name, 4)  # one for all nets after one for each
    assert distance(space.apply(mixed, acted), space.apply(mixed.compose(first), stack)) < 1e-11


@pytest.mark.parametrize("name", ["relu_mlp", "siren", "lenet", "gru"])
def test_the_function_stays(name):
    (module, args), space, weights = BY_NAME[name].make(), traced(name), weights_of(name)
    module, args = module.double(), tuple(arg.double() for arg in args)
    before = functional_call(module, weights, args)
    after = functional_call(module, space.apply(draw(name, 5), weights), args)
    torch.testing.assert_close(before, after, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_are_kept(dtype):
    weights = {name: t.to(dtype) if t.is_floating_point() else t for name, t in weights_of("residual").items()}
    acted = traced("residual").apply(draw("residual"), weights)
    assert {name: t.dtype for name, t in acted.items()} == {name: t.dtype for name, t in weights.items()}


def test_a_seed_fixes_the_draw():
    one, other, third = draw("siren", 3), draw("siren", 3), draw("siren", 4)
    assert all(torch.equal(one.permutations[name], other.permutations[name]) for name in one.permutations)
    assert all(torch.equal(one.factors[index], other.factors[index]) for index in one.factors)
    assert any(not torch.equal(one.permutations[name], third.permutations[name]) for name in one.permutations)


def test_only_the_wanted_kinds_are_drawn():
    space = traced("siren")
    assert not space.random_symmetry().factors
    signs = space.random_symmetry(kinds=("sign",))
    assert not signs.permutations and {space.actions[index].kind for index in signs.factors} == {"sign"}
    assert all(set(vector.tolist()) <= {-1.0, 1.0} for vector in signs.factors.values())
    scales = traced("relu_mlp").random_symmetry(kinds=("scale",))
    assert all(bool((vector > 0).all()) for vector in scales.factors.values())


# ---- one axis -------------------------------------------------------------------------------------------------------


def test_the_order_of_a_product_and_of_a_sum():
    product, total = parse_axes("(a 2) (b + a)", {"a": 3, "b": 2})
    orders = {"a": torch.tensor([2, 0, 1])}
    assert axis_order(product, orders).tolist() == [4, 5, 0, 1, 2, 3]
    assert axis_order(total, orders).tolist() == [0, 1, 4, 2, 3]
    assert axis_order(product, {}) is None


def test_a_vector_is_spread_over_the_entries_of_its_neurons():
    product, total = parse_axes("(a 2) (b + a)", {"a": 3, "b": 2})
    vector = torch.tensor([3.0, 4.0, 5.0])
    assert spread_over_axis(product, 0, vector, 1.0).tolist() == [3, 3, 4, 4, 5, 5]
    assert spread_over_axis(total, 1, vector, 1.0).tolist() == [1, 1, 3, 4, 5]
    assert spread_over_axis(total, 1, vector, 0.0).tolist() == [0, 0, 3, 4, 5]


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_a_symmetry_of_another_space():
    mine, other = traced("relu_mlp"), traced("lenet")
    match = f"The symmetry belongs to weight space {other.hash}, the weights to {mine.hash}"
    with pytest.raises(ValueError, match=match):
        mine.apply(other.random_symmetry(), weights_of("relu_mlp"))
    with pytest.raises(ValueError, match=f"belongs to weight space {mine.hash}, the weights to {other.hash}"):
        mine.identity().compose(other.identity())


def test_unknown_kinds():
    with pytest.raises(
        ValueError, match=r"Kinds of symmetry are .*, phase, linear, orthogonal, complex; got \['scales'\]"
    ):
        traced("relu_mlp").random_symmetry(kinds=("scales",))


def test_a_name_that_is_not_on_an_axis():
    spec = WeightSpace.parse({"w": "out c"}, sizes={"out": 2, "c": 3}).tensors["w"]
    assert find_atom(spec, "c") == (1, 0)
    with pytest.raises(ValueError, match="No axis of 'out c' bears the name 'd'"):
        find_atom(spec, "d")


@pytest.mark.parametrize(
    "name", ["residual sines", "sine and cosine", "modulated sine", "filmed sine", "double angle", "sine of a sum"]
)
def test_phases_that_turn_the_biases_of_others_invert_and_compose(name):
    module, args = KNOWN[name].build()
    space = WeightSpace.trace(module, *args, verify=False)
    weights = {key: tensor.double() for key, tensor in module.state_dict().items()}
    first, second = (space.random_symmetry(torch.Generator().manual_seed(seed), KINDS) for seed in (1, 2))
    assert any(space.actions[index].kind == "phase" for index in first.factors)
    acted = space.apply(first, weights)
    assert distance(space.apply(first.inverse(), acted), weights) < 1e-11
    assert distance(space.apply(second, acted), space.apply(second.compose(first), weights)) < 1e-11
