"""Tasks one after the other: a hypernetwork keeps what it wrote, and forgets without the penalty."""

import pytest
import torch

from weightspace.data import load_dataset
from weightspace.nets import build_net
from weightspace.tasks.continual import STREAMS, ContinualConfig, TaskHypernetwork, learn_continually
from weightspace.tasks.continual.continual import changed


def stream():
    return STREAMS["split"](load_dataset("digits"))


def net(writer="chunks", tasks=5, seed=0):
    torch.manual_seed(0)
    module = build_net("mlp", in_features=64, hidden=[16], out_features=2)
    return TaskHypernetwork(module, tasks, embedding=8, seed=seed, writer=writer, width=16, entries=150)


@pytest.mark.parametrize("writer", ["chunks", "chained"])
def test_earlier_tasks_are_kept_and_forgotten_without_the_penalty(writer):
    config = {"steps": 100, "batch": 32, "rate": 2e-3}
    kept = learn_continually(net(writer), stream(), ContinualConfig(**config))
    lost = learn_continually(net(writer), stream(), ContinualConfig(**config, rehearsed=0))
    assert kept[-1].mean() > max(0.9, kept.diagonal().mean() - 0.03)
    assert lost[-1].mean() < min(0.87, lost.diagonal().mean() - 0.1)
    assert kept.isnan().equal(torch.ones(5, 5).triu(1).bool())


def test_the_penalty_is_the_distance_of_what_is_written_for_earlier_tasks():
    whole = net().double()
    before = whole.as_it_is()
    assert float(changed(before, whole.weights([3, 0, 2]), [0, 2]).detach()) == 0
    with torch.no_grad():
        for parameter in whole.net.base.values():
            parameter += 0.1
    entries = sum(p.numel() for p in whole.net.module.parameters())
    assert float(changed(before, whole.weights([3, 0, 2]), [0, 2]).detach()) == pytest.approx(0.01 * entries)


def test_a_seed_says_everything():
    few = ContinualConfig(steps=3, batch=8)
    first, again = (learn_continually(net(), stream(), few) for _ in range(2))
    torch.testing.assert_close(first, again, equal_nan=True, rtol=0, atol=0)


def test_what_cant_be_is_refused():
    with pytest.raises(ValueError, match="must have 5 tasks as split-digits has, got 4"):
        learn_continually(net(tasks=4), stream(), ContinualConfig())
    with pytest.raises(ValueError, match=r"Losses must be finite, got \S+ in step \d+ of a task; lower the rate"):
        learn_continually(net(), stream(), ContinualConfig(steps=20, rate=1e30))
    for name in ("steps", "batch", "keep", "rehearsed"):
        with pytest.raises(ValueError, match=rf"{name} must be \d or more, got -1"):
            ContinualConfig(**{name: -1})
    with pytest.raises(ValueError, match="rate must be above 0, got 0"):
        ContinualConfig(rate=0)
