"""Which nets are to learn from, to choose on and to be judged on."""

import pytest

from weightspace.tasks.labelled.parts import parts_of

ROWS = [{"run": str(net // 2)} for net in range(20)]


def test_nets_of_one_run_stay_together_and_a_seed_says_which():
    parts = parts_of(ROWS, 0.2, 0.2, seed=0)
    assert parts == parts_of(ROWS, 0.2, 0.2, seed=0) != parts_of(ROWS, 0.2, 0.2, seed=1)
    assert all(parts[net] == parts[net + 1] for net in range(0, 20, 2))
    assert {part: parts.count(part) for part in ("train", "val", "test")} == {"train": 12, "val": 4, "test": 4}


def test_what_a_column_says_holds():
    said = ["train", "train", "val", "val", "test", "test"]
    assert parts_of([{"split": part} for part in said], 0.5, 0.5, seed=0) == said


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"split": "train"}, {}], "must be one of train, val, test for every net, got ''"),
        ([{"split": "dev"}], "must be one of train, val, test for every net, got 'dev'"),
        ([{}, {}, {}], "The part 'train' must have two nets at least, got 1 of 3"),
    ],
)
def test_parts_that_are_too_small_or_half_told_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        parts_of(rows, 0.2, 0.2, seed=0)
