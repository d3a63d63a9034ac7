"""Coordinates of grids."""

import pytest
import torch

from weightspace.data import grid_coordinates


def test_corners_lie_at_the_ends_and_centers_in_the_middle_of_cells():
    assert grid_coordinates((3,)).flatten().tolist() == [-1, 0, 1]
    assert grid_coordinates((2,), "centers").flatten().tolist() == [-0.5, 0.5]
    assert grid_coordinates((2,), "centers", (0.0, 4.0)).flatten().tolist() == [1, 3]


def test_the_last_axis_runs_fastest():
    expected = torch.tensor([[-1.0, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]])
    assert torch.equal(grid_coordinates((2, 3)), expected)


def test_an_unknown_grid_is_refused():
    with pytest.raises(ValueError, match="grid must be one of corners, centers, got 'edges'"):
        grid_coordinates((2,), "edges")
