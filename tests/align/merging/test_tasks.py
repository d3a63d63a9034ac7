"""Task vectors: mixed, learned, carried to another base, averaged over auxiliary tasks."""

import pytest
import torch
from torch.func import functional_call

from tests.align.planted import gap, hidden
from tests.align.trained import points, trained
from weightspace.align import merge, merge_tasks, ratatouille, transport
from weightspace.align.matching.score import loss_of, predictions


def loss(module, weights, data):
    return float(loss_of(predictions(module, weights, data[0]), data[1]))


def test_learned_coefficients_are_no_worse_than_the_average():
    data = points("mlp")
    space, module, base = trained("mlp", 0, 30)
    children = [trained("mlp", 0, steps)[2] for steps in (60, 150)]
    mixed, shares = merge_tasks(base, children, module, data, steps=30)
    assert loss(module, mixed, data) < loss(module, merge(space, children, "average"), data)
    assert set(shares) == set(base)
    assert all(len(values) == 2 for values in shares.values())


def test_a_task_moves_to_a_hidden_copy_of_its_base():
    space, module, base = trained("cnn", 0, 30)
    child = trained("cnn", 0, 150)[2]
    other, symmetry = hidden(space, base, 4)
    assert gap(space.apply(symmetry, child), transport(space, base, child, other)) < 1e-3
    assert loss(module, transport(space, base, child, other), points("cnn")) < loss(module, base, points("cnn"))


def test_a_place_in_the_span_has_one_number_a_child():
    data = points("mlp")
    space, module, base = trained("mlp", 0, 30)
    children = [trained("mlp", 0, steps)[2] for steps in (60, 150)]
    mixed, shares = merge_tasks(base, children, module, data, steps=30, per="net")
    assert len({tuple(values) for values in shares.values()}) == 1
    first, second = next(iter(shares.values()))
    by_hand = {n: t + first * (children[0][n] - t) + second * (children[1][n] - t) for n, t in base.items()}
    assert gap(by_hand, mixed) < 1e-6
    assert loss(module, mixed, data) < loss(module, merge(space, children, "average"), data)


def test_coefficients_are_never_worse_than_those_they_begin_with():
    data = points("mlp")
    space, module, base = trained("mlp", 0, 30)
    children = [trained("mlp", 0, steps)[2] for steps in (60, 150)]
    wild, _ = merge_tasks(base, children, module, data, steps=5, lr=50.0)
    assert loss(module, wild, data) <= loss(module, merge(space, children, "average"), data) + 1e-6


def test_ratatouille_goes_through_the_auxiliary_tasks():
    _, module, base = trained("mlp", 0, 30)
    inputs, targets = points("mlp")
    auxiliary = [(inputs, (targets == k).long()) for k in range(3)]
    seen = []

    def tune(weights, data):
        seen.append(data)
        return tuned(module, weights, data)

    merged, members = ratatouille(base, auxiliary, (inputs, targets), tune)
    assert [data[1] is targets for data in seen] == [False, True] * 3
    assert gap(members[0], members[1]) > 1e-3
    assert all(torch.allclose(t, torch.stack([m[n] for m in members]).mean(0)) for n, t in merged.items())
    assert loss(module, merged, (inputs, targets)) < loss(module, base, (inputs, targets))


def tuned(module, weights, data):
    """A few steps of gradient descent."""
    state = {name: tensor.clone().requires_grad_(True) for name, tensor in weights.items()}
    optimizer = torch.optim.Adam(state.values(), lr=3e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss_of(functional_call(module, state, (data[0],)), data[1]).backward()
        optimizer.step()
    return {name: tensor.detach() for name, tensor in state.items()}


def test_bad_tasks_are_told():
    _, module, weights = trained("mlp")
    with pytest.raises(ValueError, match="at least one fine-tuned net"):
        merge_tasks(weights, [], module, points("mlp"))
    with pytest.raises(ValueError, match="per must be one of tensor, net, got 'layer'"):
        merge_tasks(weights, [weights], module, points("mlp"), per="layer")
    with pytest.raises(ValueError, match="needs at least two, got 1"):
        ratatouille(weights, [points("mlp")], points("mlp"), lambda net, _: net)
