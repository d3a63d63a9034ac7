"""Matrices that mix neurons: found, proved, drawn, applied, composed, undone, canonicalised and written down."""

import pytest
import torch

from tests.space.mixing import KINDS, MIXING, Attending, mixing
from weightspace.space import MatrixGroup, WeightSpace

NAMES = list(MIXING)


def run(module, weights, x):
    return torch.func.functional_call(module, weights, (x,))


def draw(space, seed, kinds=KINDS, batch=None):
    return space.random_symmetry(torch.Generator().manual_seed(seed), kinds, batch)


def gap(one, other):
    return max(float((one[name] - other[name]).abs().max() / one[name].abs().max()) for name in one)


def test_what_is_found():
    assert [(g.name, g.per) for g in mixing("two linear layers")[0].matrices] == [("a", None)]
    assert [(g.name, g.per) for g in mixing("adapter")[0].matrices] == [("down", None)]
    found = mixing("attention")[0].matrices
    assert [(g.name, g.per) for g in found] == [("q.dim", "q.heads"), ("v.dim", "q.heads")]
    assert set(found[0].powers) == {"q.weight", "q.bias", "k.weight", "k.bias"}
    assert set(found[1].powers) == {"v.weight", "v.bias", "o.weight"}


def test_a_nonlinearity_or_a_gain_between_leaves_none():
    space = WeightSpace.trace(Attending(scaled=True), torch.randn(2, 7, 5))
    assert space.matrices == ()
    assert space.report.sound


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kinds", [("linear",), KINDS])
def test_the_function_stays(name, kinds):
    space, module, x, weights = mixing(name)
    before, moved = run(module, weights, x), space.apply(draw(space, 1, kinds), weights)
    assert gap(weights, moved) > 0.1
    assert (run(module, moved, x) - before).abs().max() < 1e-12 * before.abs().max() + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_matrices_on_one_side_alone_are_noticed(name):
    space, module, x, weights = mixing(name)
    moved = space.apply(draw(space, 1, ("linear",)), weights)
    tensor = next(iter(space.matrices[0].powers))
    before = run(module, weights, x)
    assert (run(module, {**weights, tensor: moved[tensor]}, x) - before).abs().max() > 1e-3 * before.abs().max()


@pytest.mark.parametrize("name", NAMES)
def test_composing_acts_one_after_the_other(name):
    space, _, _, weights = mixing(name)
    for seed in range(3):
        one, other = draw(space, 2 * seed), draw(space, 2 * seed + 1)
        assert gap(space.apply(other, space.apply(one, weights)), space.apply(other.compose(one), weights)) < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_the_inverse_undoes(name):
    space, _, _, weights = mixing(name)
    one = draw(space, 3)
    assert gap(weights, space.apply(one.inverse(), space.apply(one, weights))) < 1e-11
    assert gap(weights, space.apply(one.compose(one.inverse()), weights)) < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_stacks_have_matrices_of_their_own(name):
    space, module, x, weights = mixing(name)
    stack = {n: torch.stack([t] * 3) for n, t in weights.items()}
    one, other = draw(space, 1, batch=3), draw(space, 2)
    before = run(module, weights, x)
    for symmetry in (one, other, other.compose(one), one.compose(other), one.inverse()):
        moved = space.apply(symmetry, stack)
        for number in range(3):
            after = run(module, {n: t[number] for n, t in moved.items()}, x)
            assert (after - before).abs().max() < 1e-11
    both = space.apply(other.compose(one), stack)
    assert gap(space.apply(other, space.apply(one, stack)), both) < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_an_orbit_has_the_same_form(name):
    space, module, x, weights = mixing(name)
    form, symmetry = space.canonicalize(weights)
    assert gap(form, space.apply(symmetry, weights)) < 1e-10
    assert (run(module, form, x) - run(module, weights, x)).abs().max() < 1e-11
    for seed in range(4):
        assert gap(form, space.canonicalize(space.apply(draw(space, seed), weights))[0]) < 1e-9


def test_an_adapter_that_was_not_trained_stays():
    space, _, _, weights = mixing("adapter")
    weights["up"] = torch.zeros_like(weights["up"])
    form, symmetry = space.canonicalize(weights)
    assert all(tensor.isfinite().all() for tensor in form.values())
    assert torch.equal(symmetry.matrices[0][0], torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("name", NAMES)
def test_json_and_table(name):
    space = mixing(name)[0]
    again = WeightSpace.from_json(space.to_json())
    assert again == space
    assert again.matrices == space.matrices
    assert "linear per q.heads" in str(space) if name == "attention" else ", linear" in str(space)


def test_a_planted_wrong_group_is_dropped_by_the_proof(monkeypatch):
    wrong = MatrixGroup("b", "linear", {"b.weight": ((0, 0, 1),), "b.bias": ((0, 0, 1),), "c.weight": ((1, 0, -1),)})
    monkeypatch.setattr("weightspace.space.trace.trace.find_matrices", lambda *_: [wrong])
    space, _, _, _ = mixing("two linear layers")
    assert space.matrices == ()
    assert space.report.sound
