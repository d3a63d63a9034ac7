"""Which tensors may be written while others are read."""

import torch

from weightspace.space.moving.memory import reusable


def test_memory_of_its_own_and_that_of_the_same_weights():
    weights = {"a": torch.zeros(4), "b": torch.zeros(3)}
    assert reusable(weights, {name: tensor.clone() for name, tensor in weights.items()}) == {"a", "b"}
    assert reusable(weights, weights) == {"a", "b"}


def test_memory_that_other_weights_lie_in():
    first, second = torch.zeros(4), torch.zeros(4)
    assert reusable({"a": first, "b": second}, {"a": second, "b": first}) == set()
    assert reusable({"a": first, "b": first}, {"a": first, "b": first}) == set()  # tied
    assert reusable({"a": first[:3], "b": second}, {"a": first[1:], "b": second}) == {"b"}
    assert reusable({"a": first, "b": second[:2]}, {"a": second, "b": torch.zeros(2)}) == {"b"}


def test_neighbours_in_one_block_of_memory():
    memory = torch.zeros(7)
    weights = {"a": memory[:4], "b": memory[4:], "c": memory[:0]}
    assert reusable(weights, weights) >= {"a", "b"}


def test_what_lies_with_gaps_is_not_written_at_once():
    weights = {"a": torch.zeros(2, 3)}
    assert reusable(weights, {"a": torch.zeros(3, 2).T}) == set()
    assert reusable({"a": torch.zeros(3, 2).T}, weights) == {"a"}
