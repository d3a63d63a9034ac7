import pytest
import torch

from weightspace.tasks.comparison.baselines.curves import extrapolate

NAN = float("nan")


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([0.0, 0.4, 0.6], 0.8),  # halves its distance to 0.8 each time
        ([0.1, 0.5, 0.5], 0.5),
        ([0.3, 0.3, 0.6], 0.6),  # no pace to read
        ([0.0, 0.5, 0.9], 1.0),  # never above 1
        ([0.5, 0.6, 0.55], 0.55),  # no pace below 0
        ([0.1, 0.4, NAN], 0.4),  # two points tell no pace
    ],
)
def test_extrapolation(points, expected):
    assert extrapolate(torch.tensor([points])).tolist() == [pytest.approx(expected, abs=1e-5)]
