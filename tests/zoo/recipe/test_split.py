import pytest

from weightspace.zoo.recipe.split import Split


def test_shares_are_those_that_were_asked_for():
    split = Split(val=0.1, test=0.2)
    parts = [split.part((k + 0.5) / 1000) for k in range(1000)]
    assert {part: parts.count(part) for part in set(parts)} == {"test": 200, "val": 100, "train": 700}


def test_no_share_at_all_is_all_training():
    assert {Split(0.0, 0.0).part(u) for u in (0.0, 0.5, 1 - 2**-53)} == {"train"}


def test_something_must_be_left_to_train_on():
    with pytest.raises(ValueError, match=r"sum below 1, got 0.5 and 0.5"):
        Split(0.5, 0.5)
