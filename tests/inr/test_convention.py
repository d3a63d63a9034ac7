from dataclasses import replace

import pytest

from weightspace.inr import Convention
from weightspace.nets import Architecture

SIREN = Architecture("siren", {"hidden": [4], "w0": 10.0})
CONVENTION = Convention(SIREN, (5, 3), "centers", peak=2.0, coordinates=(0.0, 1.0), low=-1.0)


def test_it_is_read_back():
    assert Convention.from_dict(CONVENTION.to_dict()) == CONVENTION
    assert CONVENTION.to_dict() == {
        "net": "siren",
        "settings": {"hidden": [4], "w0": 10.0},
        "shape": [5, 3],
        "grid": "centers",
        "peak": 2.0,
        "coordinates": [0.0, 1.0],
        "low": -1.0,
    }


def test_points_lie_where_the_fit_had_them_or_on_any_other_grid():
    assert CONVENTION.points().shape == (15, 2) and CONVENTION.points((2, 2)).shape == (4, 2)
    assert float(CONVENTION.points().min()) > 0 and float(CONVENTION.points().max()) < 1
    corners = replace(CONVENTION, grid="corners").points()
    assert (float(corners.min()), float(corners.max())) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": "edges"}, "convention: grid must be one of .*, got 'edges'"),
        ({"shape": [0, 3]}, "convention: shape must have axes of 1 point or more"),
        ({"coordinates": [1.0, 0.0]}, "convention: coordinates must be the least and the largest"),
        ({"peak": 0.0}, "low and peak must lie within"),
        ({"net": 7}, "convention: architecture.net must be text, got 7"),
        ({"frequency": 3}, "convention must have the keys net, .*unknown: 'frequency'"),
    ],
)
def test_what_can_not_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Convention.from_dict(CONVENTION.to_dict() | change)
