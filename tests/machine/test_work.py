import pytest
import torch
from torch import nn

from weightspace.data import grid_coordinates
from weightspace.machine.work import CARDS, Work, busy_share, count_work, kernel_table
from weightspace.nets import build_net
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train import optimizer as optimizers
from weightspace.zoo.train.optimizer import StackedOptimizer
from weightspace.zoo.train.siren_gradient import SirenGradient


def test_a_product_is_two_operations_an_entry_and_its_bytes():
    a, b = torch.randn(8, 16), torch.randn(16, 4)
    work = count_work(lambda: a @ b)
    assert (work.flops, work.kernels) == (2 * 8 * 16 * 4, 1)
    assert work.bytes == 4 * (8 * 16 + 16 * 4 + 8 * 4)


def test_views_are_no_kernels():
    a = torch.randn(8, 16)
    assert count_work(lambda: a.T[1:].unsqueeze(0).expand(3, -1, -1)).kernels == 0


def test_the_floor_is_arithmetic_or_memory():
    card = CARDS["H200"]
    assert Work(flops=int(67e12), bytes=0, kernels=1).floor(card) == pytest.approx(1.0)
    assert Work(flops=int(989e12), bytes=0, kernels=1).floor(card, "bfloat16") == pytest.approx(1.0)
    assert Work(flops=0, bytes=int(4.8e12), kernels=1).floor(card) == pytest.approx(1.0)


def test_the_busy_share_is_a_share():
    layer = nn.Linear(64, 64)
    with busy_share("cpu") as found:
        for _ in range(20):
            layer(torch.randn(512, 64)).sum().backward()
    assert 0 < found["busy"] <= 1 and found["seconds"] > 0


def test_the_table_names_what_takes_time():
    a = torch.randn(64, 64)
    assert "aten::mm" in kernel_table(lambda: a @ a, "cpu")


def siren_step(nets):
    """One step of fitting SIRENs as a GPU takes it: by tensors, not by compiled C."""
    gradient = SirenGradient(build_net("siren"), grid_coordinates((28, 28)))
    flat, targets = torch.randn(nets, gradient.layout.numel) / 10, torch.rand(nets, 1, 784)
    trains = [Hyperparameters(lr=1e-3, steps=10)] * nets
    optimizer = StackedOptimizer.start(trains, torch.ones(gradient.layout.numel), flat)

    def step():
        grad, _ = gradient(flat, targets)
        optimizer.step(flat, grad, torch.full((nets, 1), 1e-3), torch.ones(nets, 1))

    return step


def test_a_siren_step_has_at_most_forty_launches_whatever_the_stack(monkeypatch):
    monkeypatch.setattr(optimizers, "adam_rows", lambda *tensors, **settings: False)
    counts = set()
    for nets in (2, 16, 64):
        step = siren_step(nets)
        step()
        counts.add(count_work(step).kernels - 2)  # the two columns that the test makes
    assert len(counts) == 1 and counts.pop() <= 40
