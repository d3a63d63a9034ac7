"""The default metanet on adapters: what leaves their products as they are leaves its answer as it is."""

from dataclasses import replace

import pytest
import torch

from weightspace.tasks.adapters.features import raw_factors
from weightspace.tasks.adapters.spacenet import SpaceNetReader


def _reader(adapters):
    sizes = tuple(size for layer in adapters.layers for size in layer.weight.shape[::-1])
    torch.manual_seed(0)
    return SpaceNetReader(raw_factors(adapters).float(), 3, sizes, width=8, layers=1).double().eval()


def _ranks_moved(layer, seed, both=True):
    """The ranks in another order, each times a factor of its own, with the other factor divided by it."""
    generator, ranks = torch.Generator().manual_seed(seed), layer.down.shape[1]
    order = torch.randperm(ranks, generator=generator)
    factors = torch.randn(ranks, generator=generator, dtype=torch.float64)
    down = layer.down[:, order] * factors[:, None]
    up = layer.up[..., order] / (factors if both else factors.abs().sqrt())
    return replace(layer, down=down, up=up)


def test_order_scales_and_signs_of_ranks_change_nothing(exact):
    reader = _reader(exact)
    moved = replace(exact, layers=tuple(_ranks_moved(layer, seed) for seed, layer in enumerate(exact.layers)))
    one, other = reader(raw_factors(exact)), reader(raw_factors(moved))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_what_changes_the_products_is_seen(exact):
    reader = _reader(exact)
    broken = replace(
        exact, layers=tuple(_ranks_moved(layer, seed, both=False) for seed, layer in enumerate(exact.layers))
    )
    assert not torch.allclose(reader(raw_factors(exact)), reader(raw_factors(broken)), rtol=1e-3)


def test_neurons_of_the_base_can_be_told_apart(exact):
    reader = _reader(exact)
    layers = list(exact.layers)
    layers[0] = replace(layers[0], up=layers[0].up.flip(1))  # another order of the first layer's outputs alone
    turned = replace(exact, layers=tuple(layers))
    assert not torch.allclose(reader(raw_factors(exact)), reader(raw_factors(turned)), rtol=1e-6)


@pytest.mark.parametrize("part", ["down", "up", "lengths"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_part_of_every_layer_is_read(exact, part, number):
    reader, layers = _reader(exact), list(exact.layers)
    layers[number] = replace(layers[number], **{part: getattr(layers[number], part) * 1.5 + 0.1})
    other = replace(exact, layers=tuple(layers))
    assert (reader(raw_factors(exact)) - reader(raw_factors(other))).abs().amax() > 1e-6
