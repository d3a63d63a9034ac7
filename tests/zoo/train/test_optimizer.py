from dataclasses import replace

import pytest
import torch

from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.train.optimizer import StackedOptimizer, learning_rates, optimizer_order

KINDS = {
    "sgd": (Hyperparameters(optimizer="sgd", lr=0.1, weight_decay=0.1, steps=9), torch.optim.SGD, {}),
    "momentum": (
        Hyperparameters(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=0.1, steps=9),
        torch.optim.SGD,
        {"momentum": 0.9},
    ),
    "nesterov": (
        Hyperparameters(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, steps=9),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True},
    ),
    "adam": (Hyperparameters(optimizer="adam", lr=0.1, weight_decay=0.1, steps=9), torch.optim.Adam, {}),
    "adamw": (Hyperparameters(optimizer="adamw", lr=0.1, weight_decay=0.1, steps=9), torch.optim.AdamW, {}),
    "rmsprop": (Hyperparameters(optimizer="rmsprop", lr=0.1, weight_decay=0.1, steps=9), torch.optim.RMSprop, {}),
}


def run_alone(kind, start, grads):
    train, optimizer, settings = KINDS[kind]
    parameter = start.clone().requires_grad_()
    alone = optimizer([parameter], lr=train.lr, weight_decay=train.weight_decay, **settings)
    for grad in grads:
        parameter.grad = grad + parameter.detach()
        alone.step()
    return parameter.detach()


def test_a_mixed_stack_moves_each_net_like_torch():
    kinds = list(KINDS)
    trains = [KINDS[kind][0] for kind in kinds]
    order = optimizer_order(trains)
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(len(kinds), 7, generator=generator, dtype=torch.float64)
    grads = torch.randn(9, len(kinds), 7, generator=generator, dtype=torch.float64)
    expected = torch.stack([run_alone(kind, flat[i], grads[:, i]) for i, kind in enumerate(kinds)])[order]
    rows, grads = flat[order].clone(), grads[:, order]
    stacked = StackedOptimizer.start([trains[i] for i in order], torch.ones(7, dtype=torch.float64), rows)
    lr = torch.full((len(kinds), 1), 0.1, dtype=torch.float64)
    for step in range(9):
        stacked.step(rows, grads[step] + rows, lr, step + 1)
    torch.testing.assert_close(rows, expected, rtol=1e-9, atol=1e-9)


def test_selected_rows_go_on_as_before():
    trains = [Hyperparameters(optimizer="adam", steps=3), Hyperparameters(optimizer="sgd", momentum=0.5, steps=3)]
    trains = [trains[i] for i in optimizer_order(trains)]
    flat, lr = torch.ones(2, 3), torch.full((2, 1), 0.1)
    whole = StackedOptimizer.start(trains, torch.ones(3), flat)
    whole.step(flat, torch.ones(2, 3), lr, 1)
    part, alone = whole.select([1]), flat[[1]].clone()
    whole.step(flat, torch.ones(2, 3), lr, 2)
    part.step(alone, torch.ones(1, 3), lr[[1]], 2)
    torch.testing.assert_close(alone[0], flat[1])


def test_l2_acts_on_weights_alone():
    train = Hyperparameters(optimizer="sgd", lr=1.0, l2=0.1, steps=1)
    flat = torch.ones(1, 2)
    StackedOptimizer.start([train], torch.tensor([1.0, 0.0]), flat).step(flat, torch.zeros(1, 2), torch.ones(1, 1), 1)
    torch.testing.assert_close(flat, torch.tensor([[0.8, 1.0]]))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", [1.0, 1.0, 1.0, 1.0]), ("step", [1.0, 1.0, 0.1, 0.01]), ("cosine", [1.0, 0.75, 0.25, 0.0])],
)
def test_schedules(schedule, expected):
    train = Hyperparameters(schedule=schedule, lr=1.0, steps=300)
    steps = [1, 101 if schedule == "cosine" else 100, 201 if schedule == "cosine" else 200, 300]
    rates = learning_rates([train], torch.tensor(steps).unsqueeze(1))
    assert rates.flatten().tolist() == pytest.approx(expected, abs=1e-4)


def test_warmup_rises_to_the_learning_rate():
    train = replace(Hyperparameters(lr=2.0, steps=100), warmup=0.1)
    rates = learning_rates([train], torch.tensor([[1], [5], [10], [50]]))
    assert rates.flatten().tolist() == pytest.approx([0.2, 1.0, 2.0, 2.0])


def test_every_net_has_its_own_schedule():
    trains = [
        Hyperparameters(schedule=schedule, lr=lr, warmup=warmup, steps=steps)
        for schedule, lr, warmup, steps in (
            ("constant", 1.0, 0.0, 10),
            ("cosine", 2.0, 0.0, 4),
            ("step", 4.0, 0.5, 6),
        )
    ]
    rates = learning_rates(trains, torch.tensor([[1, 1, 1], [9, 3, 5]]))
    torch.testing.assert_close(rates, torch.tensor([[1.0, 2.0, 4 / 3], [1.0, 1.0, 0.04]], dtype=torch.float64))
