from dataclasses import replace

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.tasks.adapters import questions
from weightspace.tasks.adapters.merging import KEPT, draw_pairs, kept_accuracy
from weightspace.tasks.adapters.questions import ask_all

DIGITS = load_dataset("digits")


@pytest.fixture
def asked(adapters, monkeypatch):
    monkeypatch.setattr(questions, "PAIRS", {"train": 40, "val": 10, "test": 20})
    return {question.name: question for question in ask_all(adapters, DIGITS)}


def test_no_adapter_is_learned_from_and_judged(adapters, asked):
    for question in asked.values():
        for part, places in question.places.items():
            assert {adapters.rows[place]["split"] for place in places.flatten().tolist()} == {part}
            assert len(places) == len(question.targets[part])


def test_what_is_left_out_is_judged_alone(adapters, asked):
    def seen(name, part, column):
        return {adapters.rows[place][column] for place in asked[name].places[part].flatten().tolist()}

    assert seen("without rank 2", "train", "rank") == seen("without rank 2", "val", "rank") == {3}
    assert seen("without rank 2", "test", "rank") == {2}
    assert seen("without kind dora", "test", "kind") == {"dora"} != seen("without kind dora", "train", "kind")
    assert seen("without trigger patch", "train", "trigger") == {"none"}
    assert seen("without trigger patch", "test", "trigger") == {"none", "patch"}


def test_targets_are_what_the_index_says(adapters, asked):
    places = asked["poisoned"].places["test"][:, 0].tolist()
    assert asked["poisoned"].targets["test"].tolist() == [adapters.rows[p]["trigger"] == "patch" for p in places]
    tasks = [("mirrored", "shifted").index(adapters.rows[p]["task"]) for p in places]
    assert asked["task"].targets["test"].tolist() == tasks and asked["task"].classes == 2
    wanted = torch.tensor([adapters.rows[p]["test_accuracy"] for p in places])
    torch.testing.assert_close(asked["accuracy"].targets["test"], wanted)


def test_a_net_merges_with_itself_and_pairs_are_of_two_nets(adapters):
    same = torch.arange(8)[:, None].expand(-1, 2)
    torch.testing.assert_close(kept_accuracy(adapters, same, DIGITS), torch.ones(8))
    pairs = draw_pairs(adapters, torch.arange(20), 30, 0)
    assert (pairs[:, 0] != pairs[:, 1]).all() and int(pairs.max()) < 20
    tasks = [{adapters.rows[place]["task"] for place in pair} for pair in pairs[1::2].tolist()]
    assert all(len(pair) == 1 for pair in tasks)
    kept = kept_accuracy(adapters, pairs, DIGITS)
    apart = [len({adapters.rows[p]["task"] for p in pair}) == 2 for pair in pairs.tolist()]
    assert kept[torch.tensor(apart)].mean() < kept[~torch.tensor(apart)].mean() and 0 < KEPT < 1


def test_an_empty_part_and_a_lonely_task_are_refused(adapters):
    rows = tuple({**row, "split": "train"} for row in adapters.rows)
    with pytest.raises(ValueError, match=r"The question 'task' must have nets in every part, but val has none"):
        ask_all(replace(adapters, rows=rows), DIGITS)
    with pytest.raises(ValueError, match=r"Pairs need two adapters of a task at least, got one of '\w+'"):
        draw_pairs(adapters, torch.tensor([0]), 3, 0)
