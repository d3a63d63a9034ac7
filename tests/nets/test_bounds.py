from types import SimpleNamespace

import pytest

from weightspace.nets.bounds import LONGEST, check_between, check_length

CONFIG = SimpleNamespace(one=3, several=(1, 9), rate=0.5, lost=float("nan"), endless=float("inf"), layers=(1,) * 300)


def test_what_lies_between_both_ends_passes():
    check_between(CONFIG, 1, 9, "one", "several")
    check_between(CONFIG, 0.0, 0.5, "rate")
    check_length(CONFIG, 2, "several")


@pytest.mark.parametrize(
    ("least", "most", "name", "message"),
    [
        (4, 2000, "one", r"one must be at least 4 and at most 2,000, got 3"),
        (1, 8, "several", r"several must be at least 1 and at most 8, got 9"),
        (0.0, 1.0, "lost", r"lost must be at least 0 and at most 1, got nan"),
        (0.0, 1e9, "endless", r"endless must be at least 0 and at most 1e\+09, got inf"),
    ],
)
def test_what_does_not_is_named(least, most, name, message):
    with pytest.raises(ValueError, match=message):
        check_between(CONFIG, least, most, name)


def test_lists_have_a_length():
    with pytest.raises(ValueError, match=f"layers must have at least 0 and at most {LONGEST} entries, got 300"):
        check_length(CONFIG, 0, "layers")
    with pytest.raises(ValueError, match="several must have at least 3"):
        check_length(CONFIG, 3, "several")
