"""Acting on weights: compiled code and tensors give the same, into new memory, other memory, or in place."""

import pytest
import torch

from tests.space.nets.architectures import BY_NAME, traced, weights_of
from tests.space.nets.mixing import mixing
from tests.space.test_symmetry import KINDS, distance, draw, same
from weightspace.space.moving import apply

NAMES = list(BY_NAME)


def by_tensors(monkeypatch, space, symmetry, weights):
    with monkeypatch.context() as patch:
        patch.setattr(apply, "fits", lambda tensor: False)
        return space.apply(symmetry, weights)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("nets", [None, 3])
def test_compiled_code_does_what_tensors_do(name, nets, monkeypatch):
    space, weights = traced(name), weights_of(name, nets)
    for batch in {None, nets}:
        moves, whole = draw(name, 1, kinds=("permutation", "sign"), batch=batch), draw(name, 2, batch=batch)
        assert same(space.apply(moves, weights), by_tensors(monkeypatch, space, moves, weights))
        assert distance(space.apply(whole, weights), by_tensors(monkeypatch, space, whole, weights)) < 1e-13


@pytest.mark.parametrize("name", ["two linear layers", "attention"])
def test_matrices_come_first(name, monkeypatch):
    space, _, _, weights = mixing(name)
    symmetry = space.random_symmetry(torch.Generator().manual_seed(0), (*KINDS, "linear"))
    assert distance(space.apply(symmetry, weights), by_tensors(monkeypatch, space, symmetry, weights)) < 1e-12


def test_half_precision_is_scaled_by_tensors():
    weights = {name: t.bfloat16() if t.is_floating_point() else t for name, t in weights_of("relu_mlp").items()}
    acted, exact = (traced("relu_mlp").apply(draw("relu_mlp"), w) for w in (weights, weights_of("relu_mlp")))
    assert all(tensor.dtype == torch.bfloat16 for tensor in acted.values())
    assert distance({n: t.double() for n, t in acted.items()}, exact) < 0.1


@pytest.mark.parametrize("name", ["residual", "siren", "gru", "tied", "vit_block"])
@pytest.mark.parametrize("compiled", [True, False])
def test_out_is_written(name, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(apply, "fits", lambda tensor: False)
    space, weights, symmetry = traced(name), weights_of(name), draw(name, 1)
    expected, kept = space.apply(symmetry, weights), {key: tensor.clone() for key, tensor in weights.items()}
    out = {key: torch.full_like(tensor, 7) for key, tensor in weights.items()}
    given = space.apply(symmetry, weights, out=out)
    assert same(given, expected) and all(given[key] is out[key] for key in out) and same(weights, kept)
    given = space.apply(symmetry, weights, out=weights)  # in place, tied tensors in the same memory included
    assert same(weights, expected) and all(given[key] is weights[key] for key in weights)


def test_out_in_the_memory_of_other_weights():
    space, weights, symmetry = traced("relu_mlp"), weights_of("relu_mlp"), draw("relu_mlp", 1)
    space2 = {key: tensor.shape for key, tensor in weights.items()}
    memory = torch.zeros(sum(shape.numel() for shape in space2.values()), dtype=torch.float64)
    parts = dict(zip(weights, memory.split([s.numel() for s in space2.values()]), strict=True))
    views = {key: part.view(space2[key]) for key, part in parts.items()}
    for key, tensor in weights.items():
        views[key].copy_(tensor)
    space.apply(symmetry, views, out=views)
    assert same(views, space.apply(symmetry, weights))
    transposed = {
        key: torch.zeros(tensor.shape[::-1], dtype=torch.float64).permute(*range(tensor.ndim)[::-1])
        for key, tensor in weights.items()
    }
    assert same(space.apply(symmetry, weights, out=transposed), views)


def test_gradients_pass():
    weights = {name: tensor.requires_grad_() for name, tensor in weights_of("relu_mlp").items()}
    acted = traced("relu_mlp").apply(draw("relu_mlp", 1, kinds=("permutation",)), weights)
    sum((tensor**2).sum() for tensor in acted.values()).backward()
    assert all(torch.equal(tensor.grad, 2 * tensor) for tensor in weights.values())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.float(), r"out\['0.weight'\] must be like the weights, \[8, 4\], torch.float64 on cpu; got .*32"),
        (lambda t: t[:2], r"Tensor '0.weight' has axes 'h0 in' .* got shape \[2, 4\]"),
    ],
)
def test_out_that_is_not_like_the_weights(change, match):
    weights = weights_of("relu_mlp")
    out = {**weights, "0.weight": change(weights["0.weight"])}
    with pytest.raises(ValueError, match=match):
        traced("relu_mlp").apply(draw("relu_mlp"), weights, out=out)
