"""Streams of tasks: every example is in one task of a split, and permutations are the tasks' own."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.tasks.continual import STREAMS


def test_a_split_has_every_example_once():
    data = load_dataset("digits")
    stream = STREAMS["split"](data)
    assert (len(stream.tasks), stream.classes, stream.features) == (5, 2, 64)
    for part in ("train", "val", "test"):
        x, y = data.part(part)
        own = [task.examples(part, slice(None)) for task in stream.tasks]
        assert sum(len(labels) for _, labels in own) == len(y)
        third, labels = own[2]
        assert torch.equal(third, x[(y == 4) | (y == 5)].flatten(1)) and set(labels.tolist()) == {0, 1}


def test_permutations_are_the_tasks_own():
    data = load_dataset("digits")
    stream, again = (STREAMS["permuted"](data, tasks=3) for _ in range(2))
    x = [task.examples("val", slice(0, 9))[0] for task in stream.tasks]
    assert torch.equal(x[0], data.x_val[:9].flatten(1)) and not torch.equal(x[1], x[2])
    assert all(torch.equal(one.sort(1).values, x[0].sort(1).values) for one in x)
    assert torch.equal(x[2], again.tasks[2].examples("val", slice(0, 9))[0])
    assert stream.tasks[1].batch(7, torch.Generator().manual_seed(0))[0].shape == (7, 64)


def test_what_cant_be_is_refused():
    with pytest.raises(ValueError, match=r"divide the 10 of digits, got 3"):
        STREAMS["split"](load_dataset("digits"), classes=3)
    with pytest.raises(ValueError, match="Tasks must be 1 or more, got 0"):
        STREAMS["permuted"](load_dataset("digits"), tasks=0)
