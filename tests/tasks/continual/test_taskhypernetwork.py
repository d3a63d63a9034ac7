"""Weights for each of several tasks: what is written is what runs, and other tasks' embeddings stay."""

import pytest
import torch
from torch import nn

from weightspace.nets import build_net
from weightspace.tasks.continual import TaskHypernetwork

MODULES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 2)), (4, 6)),
    "cnn": (lambda: build_net("cnn", channels=[4, 4], stride=[2, 1], norm="batch").eval(), (4, 1, 8, 8)),
}


@pytest.mark.parametrize("writer", ["heads", "chunks", "chained"])
@pytest.mark.parametrize("name", MODULES)
def test_a_task_has_the_same_weights_alone_and_among_others(name, writer):
    make, shape = MODULES[name]
    torch.manual_seed(0)
    net = TaskHypernetwork(make(), 3, embedding=4, writer=writer, width=8).double()
    x, written = torch.randn(shape, dtype=torch.float64), net.weights([2, 0])
    assert written.keys() == dict(make().named_parameters()).keys()
    for row, task in enumerate((2, 0)):
        alone = {key: tensor[row] for key, tensor in written.items()}
        torch.testing.assert_close(net(x, task), torch.func.functional_call(net.net.module, alone, (x,)))
    assert not torch.allclose(net(x, 0), net(x, 2))


def test_only_the_embedding_of_its_task_is_learned():
    net = TaskHypernetwork(MODULES["mlp"][0](), 3, embedding=4, width=8)
    own = {id(p) for p in net.learned_for(1)}
    assert [id(p) in own for p in net.embeddings] == [False, True, False]
    assert net.size() == sum(p.numel() for p in net.learned_for(1)) + 2 * 4
    copy = net.as_it_is()
    assert copy.size() == 0 and net.size() > 0


def test_seeds_are_its_own():
    module = MODULES["mlp"][0]()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first, other = (TaskHypernetwork(module, 2, seed=seed) for seed in (0, 1))
    assert torch.equal(torch.rand(3), wanted)
    assert not torch.equal(first.embeddings[0], other.embeddings[0])


def test_what_cant_be_is_refused():
    net = TaskHypernetwork(MODULES["mlp"][0](), 3)
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        net.weights([0, 3])
    with pytest.raises(ValueError, match="1 or more, got 0 and 16"):
        TaskHypernetwork(MODULES["mlp"][0](), 0)
