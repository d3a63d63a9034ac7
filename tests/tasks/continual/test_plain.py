"""Plain ways to learn a stream: separate nets don't forget, one fine-tuned net does, one for all learns all."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.nets import build_net
from weightspace.tasks.continual import PLAIN_WAYS, STREAMS, ContinualConfig, learn_plainly


def make(outputs):
    torch.manual_seed(0)
    return build_net("mlp", in_features=64, hidden=[16], out_features=outputs)


def learned(way):
    stream = STREAMS["permuted"](load_dataset("digits"), tasks=3)
    return learn_plainly(way, make, stream, ContinualConfig(steps=150, batch=32, rate=1e-2))


def test_separate_nets_keep_all_and_have_more_parameters():
    found, size = learned("separate nets")
    assert (found[-1] == found.diagonal()).all() and found[-1].min() > 0.85
    assert size == 3 * sum(p.numel() for p in make(10).parameters())


def test_a_net_that_is_fine_tuned_forgets():
    found, size = learned("one net, fine-tuned")
    assert found.diagonal().min() > 0.8 and found[-1, 0] < found[0, 0] - 0.05
    assert size == sum(p.numel() for p in make(30).parameters())


def test_a_net_of_all_tasks_learns_all():
    found, _ = learned("one net, all tasks at once")
    assert found[-1].min() > 0.75 and found[:-1].isnan().all()


def test_unknown_ways_are_refused():
    with pytest.raises(ValueError, match=r"must be one of separate nets, .*got 'alone'"):
        learned("alone")
    assert len(PLAIN_WAYS) == 3
