"""Steps of matching: they never lose, also where a name stands on two axes of a tensor, and what settled stays so."""

import torch
from torch import nn

from tests.align.planted import gap, hidden, net_of, traced
from weightspace.align import align
from weightspace.align.matching.pairs import Match
from weightspace.space import WeightSpace


class Recurrent(nn.Module):
    """Its hidden neurons are on both axes of one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 12, batch_first=True), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, steps, 4]`` to ``[batch, 3]``."""
        return self.out(self.lstm(x)[0][:, -1])


class Tied(nn.Module):
    """One matrix leads in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(12, 8)), nn.Parameter(torch.randn(12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[batch, 8]`` to ``[batch, 8]``."""
        return torch.relu(x @ self.weight.T + self.bias) @ self.weight


RECURRENT = WeightSpace.trace(Recurrent(), torch.randn(2, 5, 4))


def stack(space, seeds):
    nets = [net_of(space, seed) for seed in seeds]
    return {name: torch.stack([net[name] for net in nets]) for name in space.tensors}


def test_no_step_loses_where_a_name_is_on_two_axes():
    match = Match(RECURRENT, stack(RECURRENT, range(20)), stack(RECURRENT, range(20, 40)))
    (name,) = match.places
    for _ in range(30):
        before = match.quality()
        moved = match.step(name)
        assert bool((match.quality() >= before - 1e-12).all())
        assert bool((match.quality() > before)[moved].all())
        if not bool(moved.any()):
            break
    assert match.settled(name)


def test_a_name_is_settled_until_another_moves():
    space = traced("cnn")
    match = Match(space, stack(space, [0]), stack(space, [1]))
    first, second = list(match.places)[:2]
    match.step(first)
    assert match.settled(first)
    assert not bool(match.step(first).any())
    assert bool(match.step(second).any())
    assert not match.settled(first)


def test_a_planted_recurrent_net_is_found():
    weights = net_of(RECURRENT, 0)
    moved, _ = hidden(RECURRENT, weights, 1)
    assert gap(weights, moved) > 0.1
    assert gap(weights, RECURRENT.apply(align(RECURRENT, weights, moved), moved)) < 1e-6


def test_tied_weights_are_aligned():
    space = WeightSpace.trace(Tied(), torch.randn(3, 8))
    assert set(space.tensors) == {"weight", "bias"}
    weights = net_of(space, 0)
    moved, _ = hidden(space, weights, 1)
    assert gap(weights, moved) > 0.1
    assert gap(weights, space.apply(align(space, weights, moved), moved)) < 1e-6


def test_bfloat16_is_matched_in_float32():
    space = traced("cnn")
    weights = {name: tensor.bfloat16() for name, tensor in net_of(space, 0).items()}
    moved, _ = hidden(space, weights, 3)
    back = space.apply(align(space, weights, moved), moved)
    assert {tensor.dtype for tensor in back.values()} == {torch.bfloat16}
    assert gap(weights, back) < 2e-2
