"""Jacobians of untrained nets: exact, of one width for all images, free of signs, seeded."""

import pytest
import torch
from torch import nn

from weightspace.nets import Architecture
from weightspace.tasks.architectures import jacobian_rows, spectrum
from weightspace.tasks.architectures.jacobians import data_jacobian

SMALL = Architecture("cnn", {"image_size": 8, "channels": [3, 4], "stride": 1})


def images(count=9, side=8):
    return torch.randn(count, 1, side, side, generator=torch.Generator().manual_seed(0))


def test_of_a_linear_net_it_is_the_sum_of_its_rows():
    net, x = nn.Linear(5, 3).double(), torch.randn(4, 5, dtype=torch.float64)
    torch.testing.assert_close(data_jacobian(net, x), net.weight.sum(0).expand(4, -1))


def test_rows_keep_the_singular_values_and_the_size():
    x = images()
    rows = jacobian_rows(SMALL, x, inits=2, columns=6, seed=1)
    assert rows.shape == (2, 9, 7)
    torch.manual_seed(1000)
    jacobian = data_jacobian(SMALL.build().train(), x)
    size = jacobian.square().mean().sqrt()
    wanted = torch.linalg.svdvals(jacobian / size)[:6]
    torch.testing.assert_close(rows[0, :, :-1].square().sum(0).sqrt(), wanted, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(rows[0, :, -1], size.log().expand(9))
    assert spectrum(rows).shape == (7,)


def test_images_of_other_sizes_give_rows_of_the_same_width_and_seeds_are_its_own():
    large = Architecture("cnn", {"image_size": 12, "channels": [3, 4], "stride": 1})
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    first, again = (jacobian_rows(SMALL, images(), 2, 5, seed=0) for _ in range(2))
    assert torch.equal(torch.rand(2), wanted) and torch.equal(first, again)
    assert jacobian_rows(large, images(side=12), 2, 5, seed=0).shape == first.shape


def test_what_cant_be_is_refused():
    with pytest.raises(ValueError, match="smaller of 9 images and 64 pixels, and inits 1 or more, got 10 and 2"):
        jacobian_rows(SMALL, images(), 2, 10, seed=0)
