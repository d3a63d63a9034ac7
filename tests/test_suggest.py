"""Names that are nearly right are answered with the right one."""

import pytest

from weightspace.suggest import suggestion


@pytest.mark.parametrize(
    ("word", "meant"), [("SpaceNt", "SpaceNet"), ("spacenet", "SpaceNet"), ("digits-cn", "digits-cnn")]
)
def test_what_was_meant(word, meant):
    assert suggestion(word, ["StatNet", "SpaceNet", "digits-cnn"]) == f" (did you mean {meant!r}?)"


def test_nothing_near():
    assert suggestion("banana", ["SpaceNet"]) == ""
    assert suggestion(3, []) == ""
