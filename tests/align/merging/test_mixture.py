"""Nets twice as wide made of mixtures of trained ones."""

import pytest
import torch

from tests.align.planted import gap, hidden
from tests.align.trained import trained
from weightspace.align import align_all, mixture_growth
from weightspace.nets import build_net


def test_the_first_net_is_the_block_of_old_neurons_by_old_ones():
    space, _, first = trained("mlp")
    nets = [first, trained("mlp", 1)[2], trained("mlp", 2)[2]]
    grown = mixture_growth(space, nets)
    other = build_net("mlp", in_features=8, hidden=[64, 64], out_features=3)
    other.load_state_dict(grown)
    assert torch.allclose(grown["linears.1.weight"][:32, :32] * 2**0.5, first["linears.1.weight"], atol=1e-6)
    assert torch.allclose(grown["linears.0.weight"][:32], first["linears.0.weight"], atol=1e-6)


def test_every_block_is_a_mixture_of_the_aligned_nets():
    space, _, first = trained("mlp")
    nets = [first, trained("mlp", 1)[2]]
    grown = mixture_growth(space, nets)["linears.1.weight"]
    aligned = [space.apply(g, net)["linears.1.weight"] for g, net in zip(align_all(space, nets), nets, strict=True)]
    basis = torch.stack([t.flatten() for t in aligned]).double().T
    for rows, columns in ((0, 0), (0, 1), (1, 0), (1, 1)):
        block = grown[32 * rows : 32 * rows + 32, 32 * columns : 32 * columns + 32].flatten().double()
        rest = block - basis @ torch.linalg.lstsq(basis, block.unsqueeze(1)).solution[:, 0]
        assert rest.norm() < 1e-5 * block.norm()
    assert (grown[:32, :32] - grown[32:, 32:]).norm() > 0.1 * grown.norm()


def test_copies_of_one_net_are_aligned_before():
    space, _, first = trained("mlp")
    plain = mixture_growth(space, [first, first], seed=3)
    again = mixture_growth(space, [first, hidden(space, first, 5)[0]], seed=3)
    assert gap(plain, again) < 1e-2


def test_batch_norms_grow_too():
    space, _, first = trained("resnet")
    grown = mixture_growth(space, [first, trained("resnet", 1)[2]])
    assert all(bool((t > 0).all()) for n, t in grown.items() if n.endswith("running_var"))
    build_net("resnet", width=16, blocks=[1], classes=3).load_state_dict(grown)


def test_bad_wishes_are_told():
    space, _, weights = trained("mlp")
    with pytest.raises(ValueError, match="needs at least two nets, got 1"):
        mixture_growth(space, [weights])
    with pytest.raises(ValueError, match=r"must stand alone on their axes, as linears\.0.* got \['magic'\]"):
        mixture_growth(space, [weights, weights], ["magic"])
