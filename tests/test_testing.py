"""The public assertions: each passes on a sound function and fails on one with a planted fault."""

import pytest
import torch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.metanets import FlatMLP, StatNet
from weightspace.testing import assert_equivariant, assert_invariant, assert_sensitive, equivariance_error, randomized

SPACE = SPACES["lenet"]
WEIGHTS = random_weights(SPACE, dtype=torch.float64)


def sound_weights(weights):
    return {name: tensor * 2 + weights["fc.bias"].sum() if tensor.is_floating_point() else tensor
            for name, tensor in weights.items()}  # fmt: skip


def reads_one_neuron(weights):
    return weights["c1.bias"][0] + weights["c1.weight"].sum()


def moves_one_neuron(weights):
    changed = sound_weights(weights)
    changed["c1.bias"] = changed["c1.bias"] + torch.arange(3) * 1e-6
    return changed


def test_sound_functions_pass():
    assert equivariance_error(sound_weights, SPACE, WEIGHTS) < 1e-14
    assert_equivariant(sound_weights, SPACE, WEIGHTS)
    assert_invariant(lambda w: w["c1.bias"].sum(), SPACE, WEIGHTS)


def test_a_broken_invariance_is_found():
    with pytest.raises(AssertionError, match="relative error under permutation must be at most 1e-09, got"):
        assert_invariant(reads_one_neuron, SPACE, WEIGHTS)


def test_a_small_fault_in_one_bias_is_found():
    with pytest.raises(AssertionError, match="relative error under permutation"):
        assert_equivariant(moves_one_neuron, SPACE, WEIGHTS)


def test_not_a_number_is_an_error():
    assert equivariance_error(lambda w: w["c1.bias"].sum() * float("nan"), SPACE, WEIGHTS) == float("inf")
    with pytest.raises(AssertionError, match="got inf"):
        assert_invariant(lambda w: w["c1.bias"].sum() * float("nan"), SPACE, WEIGHTS)


def test_the_wrong_assertion_is_refused():
    with pytest.raises(TypeError, match="use assert_invariant"):
        assert_equivariant(lambda w: w["c1.bias"].sum(), SPACE, WEIGHTS)
    with pytest.raises(TypeError, match="use assert_equivariant"):
        assert_invariant(sound_weights, SPACE, WEIGHTS)


def blind_to_first_layer(weights):
    return (weights["fc.weight"].reshape(3, 4, -1).sum((0, 2)) * weights["c2.bias"]).sum()


@pytest.mark.parametrize("function", [lambda w: torch.ones(()), lambda w: w["c2.weight"].sum(), blind_to_first_layer])
def test_blindness_is_found(function):
    with pytest.raises(AssertionError, match=r"doesn't notice .*'c1.weight' axis 0 \(c1\)"):
        assert_sensitive(function, SPACE, WEIGHTS)


def test_a_function_that_sees_all_passes():
    space = SPACES["mlp"]

    def forward(weights):
        h = torch.ones(2, dtype=torch.float64)
        for layer in (0, 2, 4):
            h = torch.tanh(weights[f"{layer}.weight"] @ h + weights[f"{layer}.bias"])
        return h

    assert_sensitive(forward, space, random_weights(space, dtype=torch.float64))
    assert_invariant(forward, space, random_weights(space, dtype=torch.float64))


def test_a_function_of_weights_that_ignores_couplings_is_found():
    with pytest.raises(AssertionError, match="doesn't notice"):
        assert_sensitive(lambda w: {name: tensor * 2 for name, tensor in w.items()}, SPACE, WEIGHTS)


def test_metanets_are_taken_as_they_are():
    weights = random_weights(SPACES["mlp"], nets=2, dtype=torch.float64)
    assert_invariant(randomized(StatNet.for_spaces(SPACES["mlp"])), SPACES["mlp"], weights)
    with pytest.raises(AssertionError, match="relative error"):
        assert_invariant(randomized(FlatMLP.for_spaces(SPACES["mlp"])), SPACES["mlp"], weights)


def test_randomized_leaves_the_original_alone():
    metanet = StatNet.for_spaces(SPACES["mlp"])
    before = [parameter.clone() for parameter in metanet.parameters()]
    other = randomized(metanet)
    assert all(torch.equal(a, b) for a, b in zip(before, metanet.parameters(), strict=True))
    assert all(p.dtype == torch.float64 and bool((p != 0).any()) for p in other.parameters())
