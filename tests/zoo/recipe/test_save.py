import pytest

from weightspace.zoo.recipe.save import Save


@pytest.mark.parametrize(
    ("save", "steps"),
    [
        (Save(), (100,)),
        (Save(count=4), (25, 50, 75, 100)),
        (Save(count=2, spacing="log"), (10, 100)),
        (Save(points=(3.0, 40.0, 999.0)), (3, 40, 100)),
        (Save(points=(0.5, 2.0), unit="epochs"), (5, 20, 100)),
        (Save(initial=True), (0, 100)),
        (Save(points=(0.0, 7.0), initial=False), (7, 100)),
    ],
)
def test_the_end_is_always_saved_and_nothing_beyond_it(save, steps):
    assert save.steps(100, epoch=10.0) == steps


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count must be at least 1"),
        ({"spacing": "square"}, "spacing must be one of even, log, got 'square'"),
        ({"unit": "days"}, "unit must be one of steps, epochs, got 'days'"),
        ({"points": (-1.0,)}, "points must be at least 0"),
    ],
)
def test_what_can_not_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Save(**settings)
