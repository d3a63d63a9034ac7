"""Two models of different spaces: the message names both and what differs first."""

import pytest

from weightspace.align import check_same_space
from weightspace.space import WeightSpace

SIZES = {"h": 4, "in": 2, "out": 1}
ONE = WeightSpace.parse({"a": "h in", "b": "out h"}, sizes=SIZES)


def test_equal_spaces_pass():
    check_same_space(ONE, WeightSpace.parse({"a": "h in", "b": "out h"}, sizes=SIZES))


@pytest.mark.parametrize(
    ("axes", "sizes", "message"),
    [
        ({"a": "h in", "b": "out h"}, {**SIZES, "h": 5}, "axis 0 of tensor 'a' is 'h' of size 4 in x and 'h' of size"),
        ({"a": "h in"}, SIZES, "x has a tensor 'b', y has none"),
        ({"a": "h in", "b": "out h", "c": "h"}, SIZES, "y has a tensor 'c', x has none"),
        ({"a": "h in 3", "b": "out h"}, SIZES, "tensor 'a' has 2 axes in x and 3 in y"),
    ],
)  # fmt: skip
def test_what_differs_first_is_named(axes, sizes, message):
    with pytest.raises(ValueError, match=message):
        check_same_space(ONE, WeightSpace.parse(axes, sizes=sizes), ("x", "y"))


def test_different_symmetries_are_told():
    with pytest.raises(ValueError, match="same axes but different symmetries"):
        check_same_space(ONE, WeightSpace.parse({"a": "h in", "b": "out h"}, free=(), sizes=SIZES))
