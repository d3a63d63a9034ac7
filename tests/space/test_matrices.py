"""Matrices that mix neurons: found, proved, drawn, applied, composed, undone, canonicalised and written down."""

import json
import re
from dataclasses import replace

import pytest
import torch

from tests.space.nets.mixing import KINDS, MATRICES, MIXING, Attending, mixing
from weightspace.space import MatrixGroup, Symmetry, WeightSpace
from weightspace.space.matrices import Side

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
@pytest.mark.parametrize("kinds", [MATRICES, KINDS])
def test_the_function_stays(name, kinds):
    space, module, x, weights = mixing(name)
    before, moved = run(module, weights, x), space.apply(draw(space, 1, kinds), weights)
    assert gap(weights, moved) > 0.1
    assert (run(module, moved, x) - before).abs().max() < 1e-12 * before.abs().max() + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_matrices_on_one_side_alone_are_noticed(name):
    space, module, x, weights = mixing(name)
    before = run(module, weights, x)
    for group in space.matrices:
        alone = replace(space, matrices=(group,))
        moved = alone.apply(draw(alone, 1, MATRICES), weights)
        tensor = next(iter(group.powers))
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


def test_an_adapter_that_was_not_trained_has_a_form():
    space, _, _, weights = mixing("adapter")
    weights["up"] = torch.zeros_like(weights["up"])
    form, symmetry = space.canonicalize(weights)
    assert all(tensor.isfinite().all() for tensor in form.values())
    assert not form["up"].any() and gap(form, space.apply(symmetry, weights)) < 1e-12
    assert gap(form, space.canonicalize(space.apply(draw(space, 1), weights))[0]) < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_json_and_table(name):
    space = mixing(name)[0]
    again = WeightSpace.from_json(space.to_json())
    assert again == space
    assert again.matrices == space.matrices
    for group in space.matrices:
        assert str(group) in str(space)


FOUND = {
    "two linear layers": ["linear"], "adapter": ["linear"],
    **{name: ["linear per heads", "linear per heads"] for name in ("attention", "fused", "split", "packed")},
    "rotary": ["linear per heads", "complex in halves per heads", "orthogonal"],
    "rotary, grouped": ["linear per part", "complex in halves per part", "orthogonal"],
    "rotary, adjacent": ["linear per heads", "complex side by side per heads", "orthogonal"],
    "rotary, one head": ["linear", "complex in halves", "orthogonal"],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_kinds_that_are_found(name):
    found = [re.sub(r"per \S*\.", "per ", str(group)) for group in mixing(name)[0].matrices]
    assert found == FOUND[name]


@pytest.mark.parametrize("gain", [False, True])
def test_a_gain_or_a_mean_leaves_no_orthogonal_matrices(gain):
    norm = torch.nn.RMSNorm(8) if gain else torch.nn.LayerNorm(8, elementwise_affine=False)
    module = Normed(norm)
    assert "orthogonal" not in [group.kind for group in WeightSpace.trace(module, torch.randn(3, 5)).matrices]
    plain = WeightSpace.trace(Normed(torch.nn.RMSNorm(8, elementwise_affine=False)), torch.randn(3, 5))
    assert [group.kind for group in plain.matrices] == ["orthogonal"]


class Normed(torch.nn.Module):
    """A residual block."""

    def __init__(self, norm):
        super().__init__()
        self.norm, self.embed, self.out = norm, torch.nn.Linear(5, 8), torch.nn.Linear(8, 3)
        self.up, self.down = torch.nn.Linear(8, 6), torch.nn.Linear(6, 8)

    def forward(self, x):
        x = self.embed(x)
        return self.out(self.norm(x + self.down(torch.relu(self.up(self.norm(x))))))


def test_wrong_pairs_are_noticed_by_the_proof():
    space, module, x, _ = mixing("rotary")
    wrong = [replace(g, pairs="adjacent") if g.pairs else g for g in space.matrices]
    report = replace(space, matrices=tuple(wrong)).verify(module, x)
    assert report.errors["complex"] > 1e-3
    assert max(report.errors[kind] for kind in ("linear", "orthogonal")) < 1e-9


WRONG = {
    "rotary": [
        (0, "linear", "invertible"),
        (1, "complex", "lengths and turns of pairs"),
        (2, "orthogonal", "orthogonal"),
    ],
}


@pytest.mark.parametrize(("index", "kind", "words"), WRONG["rotary"])
def test_matrices_that_are_none_of_their_group_are_refused(index, kind, words):
    space, _, _, weights = mixing("rotary")
    shape = space.matrices[index].shape(space)
    wrong = torch.zeros(shape) if kind == "linear" else 0.1 * torch.randn(shape) + torch.eye(shape[-1])
    with pytest.raises(ValueError, match=f"group {index}, which .*, must be finite and {words}"):
        space.apply(Symmetry(space, {}, {}, {index: wrong.double()}), weights)
    with pytest.raises(ValueError, match=r"must have shape \[.*got \[3, 3\]"):
        space.apply(Symmetry(space, {}, {}, {index: torch.eye(3)}), weights)
    with pytest.raises(TypeError, match=r"tensor of float64, got torch\.int64"):
        space.apply(Symmetry(space, {}, {}, {index: torch.ones(shape, dtype=torch.int64)}), weights)
    with pytest.raises(ValueError, match="for the 3 groups of the space, counted from 0; got 9"):
        space.apply(Symmetry(space, {}, {}, {9: torch.eye(3)}), weights)


@pytest.mark.parametrize(
    ("index", "change", "words"),
    [(0, {"pairs": "halves"}, "given for a complex group"), (1, {"pairs": "thirds"}, "one of halves, adjacent"),
     (1, {"per": "v.dim"}, "stands once beside"), (2, {"name": "v.dim"}, "about an axis and occurrence where"),
     (2, {"powers": {"q.weight": [[1, 0, -1]]}}, "of powers 1"), (0, {"kind": "affine"}, "one of linear"),
     (0, {"powers": {"v.weight": [[0, 1, 1, 0]]}}, "number of atoms from 1"),
     (1, {"powers": {"q.weight": [[0, 1, 1, 1, 7, 0]]}}, "about an axis and occurrence where"),
     (0, {"powers": {"v.weight": [[0, 1]]}}, "3, 4 or 6 numbers")],
)  # fmt: skip
def test_groups_from_outside_must_fit_the_space(index, change, words):
    text = json.loads(mixing("rotary")[0].to_json())
    text["matrices"][index].update(change)
    with pytest.raises(ValueError, match=words):
        WeightSpace.from_dict(text)


def test_a_planted_wrong_group_is_dropped_by_the_proof(monkeypatch):
    wrong = MatrixGroup(
        "b", "linear", {"b.weight": (Side(0, 0, 1),), "b.bias": (Side(0, 0, 1),), "c.weight": (Side(1, 0, -1),)}
    )
    monkeypatch.setattr("weightspace.space.trace.trace.find_matrices", lambda *_: [wrong])
    module, shape = MIXING["two linear layers"]
    space = WeightSpace.trace(module(), torch.randn(*shape))
    assert [group for group in space.matrices if group.kind == "linear"] == []
    assert space.report.sound
