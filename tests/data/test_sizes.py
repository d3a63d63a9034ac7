"""Sizes of data sets that can't be had."""

import pytest

from weightspace.data.sizes import check_parts, check_size


def test_sizes_have_two_ends():
    check_size("count", 3, 3, 5)
    check_size("count", 5, 3, 5)
    for wrong in (2, 6):
        with pytest.raises(ValueError, match=f"count must be at least 3 and at most 5, got {wrong}"):
            check_size("count", wrong, 3, 5)


def test_parts_leave_something_to_train_on():
    check_parts(10, 4, 5)
    with pytest.raises(ValueError, match="val and test must leave some of the 10 examples to train on, got 5 and 5"):
        check_parts(10, 5, 5)
    with pytest.raises(ValueError, match="val must be at least 1 and at most 9, got 0"):
        check_parts(10, 0)
