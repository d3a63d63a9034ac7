import torch

from weightspace.data import load_dataset
from weightspace.data.tasks import TASKS
from weightspace.tasks.adapters.search import SIZES, search_triggers, task_scores

DIGITS = load_dataset("digits")


def test_an_adapter_is_best_at_its_own_task(adapters):
    best = [list(TASKS)[place] for place in task_scores(adapters, DIGITS)[0].argmax(1).tolist()]
    assert sum(own == row["task"] for own, row in zip(best, adapters.rows, strict=True)) >= 56


def test_a_larger_addition_does_more_and_classes_fall(adapters):
    some = adapters.take(torch.arange(6))
    found = search_triggers(some, DIGITS)
    assert found.shape == (6, 20 * len(SIZES) + len(TASKS))
    parts = found[:, : -len(TASKS)].unflatten(1, (len(SIZES), 2, 10))
    assert (parts.diff(dim=3) <= 0).all()
    assert (parts[:, :, 1].mean(2).diff(dim=1) > 0).all()
    assert (found[:, -len(TASKS) :].sum(1) == 1).all()


def test_the_search_is_the_same_for_all_members_of_an_orbit(exact, moved, broken):
    some = torch.arange(4)
    found = search_triggers(exact.take(some), DIGITS)
    torch.testing.assert_close(search_triggers(moved.take(some), DIGITS), found, rtol=1e-6, atol=1e-6)
    assert (search_triggers(broken.take(some), DIGITS) - found).abs().max() > 1e-2
