import pytest

from weightspace.zoo.recipe.fit import Fit


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": 0}, "views must be at least 1"),
        ({"check": 0}, "check must be at least 1"),
        ({"target_psnr": 500.0}, "target_psnr must be at least 0 and at most 200"),
        ({"meta_steps": -1}, "meta_steps must be at least 0"),
        ({"grid": "edges"}, "grid must be one of corners, centers, got 'edges'"),
    ],
)
def test_what_can_not_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Fit(**settings)
