"""What a start is worth: trainings learn, the last layer is solved, statistics of norms are measured."""

import dataclasses

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.generators import Fresh
from weightspace.nets import Architecture
from weightspace.tasks.generation.starting.headstart import (
    accuracies,
    grid,
    lsuv,
    solve_last,
    steps_to_level,
    train_from,
)
from weightspace.zoo.folder.spaces import trace_architecture

NET = Architecture("cnn", {"image_size": 8, "channels": [8], "stride": [2], "norm": "batch", "head": "flatten"})


@pytest.fixture(scope="module")
def data():
    whole = load_dataset("digits")
    return dataclasses.replace(whole, x_train=whole.x_train[:320], y_train=whole.y_train[:320])


@pytest.fixture(scope="module")
def starts():
    space = trace_architecture(NET)
    return Fresh.for_spaces(space).sample(space, 2, seed=0)


def test_training_beats_its_start_and_is_the_same_again(data, starts):
    found, again = (train_from(NET, starts, data, 2, "constant") for _ in range(2))
    assert found.test[2] > 0.5 > found.test[0] and found.last.mean() == found.test[2]
    assert found.picked in grid("constant", 20) and torch.equal(found.test, again.test)


def test_before_training_it_is_the_accuracy_of_the_start(data, starts):
    _, test = accuracies(NET, starts, data)
    assert train_from(NET, starts, data, 1, "cosine").test[0] == pytest.approx(float(test.mean()))


def test_the_last_layer_is_solved_and_nothing_else_changed(data, starts):
    solved = solve_last(NET, starts, data)
    assert torch.equal(solved["convs.0.weight"], starts["convs.0.weight"])
    assert accuracies(NET, solved, data)[1].mean() > accuracies(NET, starts, data)[1].mean() + 0.2


def test_lsuv_gives_every_layer_outputs_of_variance_one(data):
    starts, net = lsuv(NET, 2, data, 0), NET.build().eval()
    assert not torch.equal(starts["convs.0.weight"][0], starts["convs.0.weight"][1])
    for number in range(2):
        net.load_state_dict({name: tensor[number] for name, tensor in starts.items()})
        assert float(net.convs[0](data.x_train).std()) == pytest.approx(1, abs=0.05)
        assert float(net(data.x_train).std()) == pytest.approx(1, abs=0.05)


def test_the_epoch_of_a_level_lies_between_epochs():
    assert steps_to_level([0.1, 0.5, 0.9], 0.7) == pytest.approx(1.5)
    assert steps_to_level([0.8], 0.7) == 0 and steps_to_level([0.1, 0.2], 0.7) == float("inf")
