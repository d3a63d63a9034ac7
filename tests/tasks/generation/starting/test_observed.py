"""Where pixels are missing, only those count; normal distributions fill them in exactly where that can be done."""

import torch

from tests.generators.cases import make
from weightspace.tasks.generation.starting.observed import (
    conditional_means,
    draw_observed,
    fitted,
    nearest,
    psnr_elsewhere,
)

SOURCE = torch.Generator().manual_seed(0)
WHOLE = torch.rand(5, 1, 16, generator=SOURCE)
GIVEN = WHOLE.clone()
GIVEN[..., 6:] = torch.nan


def test_only_missing_points_count():
    shown = WHOLE.clone()
    shown[..., :6] += 1
    assert torch.equal(psnr_elsewhere(shown, GIVEN, WHOLE, 1.0), torch.full((5,), 120.0))
    shown[..., 6:] += 0.1
    torch.testing.assert_close(psnr_elsewhere(shown, GIVEN, WHOLE, 1.0), torch.full((5,), 20.0), atol=1e-3, rtol=0)


def test_the_nearest_is_found_by_the_given_points_alone():
    known = WHOLE.flip(0).clone()
    known[..., 6:] = torch.rand(5, 1, 10, generator=SOURCE)
    assert torch.equal(nearest(GIVEN, known), known.flip(0))


def test_signals_of_a_plane_are_completed_exactly():
    plane = torch.randn(3, 16, generator=SOURCE, dtype=torch.float64)
    known = torch.randn(60, 3, generator=SOURCE, dtype=torch.float64) @ plane
    wanted = torch.randn(4, 3, generator=SOURCE, dtype=torch.float64) @ plane
    given = wanted.unsqueeze(1).clone()
    given[..., 6:] = torch.nan
    torch.testing.assert_close(
        conditional_means(given, known.unsqueeze(1), 1e-10).squeeze(1), wanted, rtol=0, atol=1e-4
    )


def test_adam_fits_the_given_points(tmp_path):
    start = make("LearnedStart")
    shown = fitted(start, start.start.detach().expand(5, -1), GIVEN, 3e-3, 20)
    assert shown.shape == (21, 5, 1, 16)
    errors = (shown - WHOLE)[..., :6].square().mean((1, 2, 3))
    assert errors[-1] < 0.5 * errors[0]
    draw_observed(tmp_path / "few.png", (4, 4), {"given": GIVEN, "the picture": WHOLE}, 0.0, 1.0)
    assert (tmp_path / "few.png").stat().st_size > 1000
