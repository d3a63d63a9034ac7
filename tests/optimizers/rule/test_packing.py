"""Many tensors as one row: means, and what they spread to, against each tensor by itself."""

import pytest
import torch

from weightspace.optimizers.rule.packing import Packing, factored_axes

SHAPES = ((4, 3), (5,), (2, 3, 4, 6), (), (7, 7))


@pytest.fixture
def packing():
    return Packing(SHAPES)


@pytest.fixture
def row(packing):
    return torch.randn(2, sum(packing.sizes), dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_two_longest_axes_have_statistics():
    assert [factored_axes(shape) for shape in SHAPES] == [(0, 1), None, (3, 2), None, (1, 0)]


def test_a_row_is_cut_into_the_tensors_that_were_packed(packing):
    tensors = [torch.randn(shape) for shape in SHAPES]
    assert all((a == b).all() for a, b in zip(packing.shaped(packing.pack(tensors)), tensors, strict=True))


def test_mean_squares_are_those_of_each_tensor(packing, row):
    wanted = [part.square().mean(-1, keepdim=True) for part in row.split(packing.sizes, -1)]
    for found, one in zip(packing.mean_squares(row), wanted, strict=True):
        torch.testing.assert_close(found, one)
    spread = packing.spread(wanted)
    assert spread.shape == row.shape and (spread[:, :12] == wanted[0]).all()


@pytest.mark.parametrize("which", ["row", "column"])
def test_means_along_an_axis_stand_at_each_of_its_entries(packing, row, which):
    means = getattr(packing, f"{which}_means")(row)
    assert means.shape[-1] == getattr(packing, f"{which}s")
    found = packing.shaped(getattr(packing, f"along_{which}s")(means))
    for shape, tensor, mean in zip(SHAPES, packing.shaped(row), found, strict=True):
        axes = factored_axes(shape)
        wanted = tensor
        if axes is not None:
            axis = axes[which == "column"] - len(shape)
            wanted = tensor.mean(axis, keepdim=True).expand_as(tensor)
        torch.testing.assert_close(mean, wanted)


def test_over_the_mean_of_the_rows_beside(packing, row):
    means = packing.row_means(row.square())
    found = packing.over_mean(means, 0.0)
    first = means[:, :3]  # (4, 3): the longest axis is the first, so there are three rows
    torch.testing.assert_close(found[:, :3], first / first.mean(-1, keepdim=True))
    assert (found[:, 3:8] == 1).all()  # a vector
