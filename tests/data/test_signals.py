import pytest
import torch

from weightspace.data import SIGNALS, grid_coordinates, load_signals
from weightspace.data.shapes import SOLIDS, solid_distance


def test_corners_and_centers():
    corners, centers = grid_coordinates((3, 2)), grid_coordinates((4,), "centers")
    assert corners.tolist() == [[-1, -1], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 1]]
    assert centers.flatten().tolist() == [-0.75, -0.25, 0.25, 0.75]
    with pytest.raises(ValueError, match=r"grid must be one of corners, centers, got 'edges'"):
        grid_coordinates((3,), "edges")


def test_images_are_signals_with_pixels_from_zero_to_one():
    signals = load_signals("digits")
    assert signals.values.min() == 0 and signals.values.max() == 1
    assert len(signals.coordinates) == signals.values.shape[2] == 64
    assert signals.parts.bincount().tolist() == [1000, 297, 500]
    assert signals.part(1000) == "val"


@pytest.mark.parametrize("name", SIGNALS)
def test_generated_signals_depend_on_seed_and_place_alone(name):
    short, long = load_signals(name, count=6), load_signals(name, count=9)
    assert torch.equal(short.values, long.values[:6])
    assert not torch.equal(short.values, load_signals(name, count=6, seed=1).values)
    assert short.values.shape[2] == len(short.coordinates)


def test_unknown_signals_are_refused():
    with pytest.raises(ValueError, match=r"unknown data 'wave'; known are shapes, waves, digits"):
        load_signals("wave")


@pytest.mark.parametrize("kind", SOLIDS)
def test_distances_have_slope_one_and_a_surface(kind):
    points = (torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1).requires_grad_()
    distance = solid_distance(kind, points, (0.5, 0.4, 0.3))
    (slope,) = torch.autograd.grad(distance.sum(), points)
    torch.testing.assert_close(slope.norm(dim=1), torch.ones(4000), rtol=1e-3, atol=1e-3)
    assert (distance < 0).any() and (distance > 0).any()
