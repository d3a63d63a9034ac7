"""Moving entries along several axes, however large the tensor is."""

import pytest
import torch

from weightspace.space.moving import tensors as move


def slow(tensor, moves):
    for dim, order in moves:
        tensor = tensor.index_select(dim, order)
    return tensor


SHAPES = [(7,), (6, 5), (6, 5, 3, 3), (300, 5, 40)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("below", [1 << 16, 0])  # one gather, or in blocks
@pytest.mark.parametrize("stacked", [False, True])
def test_equal_to_one_axis_after_the_other(monkeypatch, shape, below, stacked):
    monkeypatch.setattr(move, "_WHOLE_BELOW", below)
    monkeypatch.setattr(move, "_SHARE_FROM", 64)
    monkeypatch.setattr(move, "_BLOCK", 64)
    tensor = torch.randn(4, *shape) if stacked else torch.randn(shape)
    axes = range(stacked, tensor.ndim)
    for chosen in ([*axes], [*axes][-1:], [*axes][:1], []):
        moves = [(dim, torch.randperm(tensor.shape[dim])) for dim in chosen]
        assert torch.equal(move.move_entries(tensor, moves, stacked), slow(tensor, moves))


def test_every_net_in_its_own_order():
    tensor, orders = torch.randn(3, 4, 5), torch.stack([torch.randperm(4) for _ in range(3)])
    last = torch.randperm(5)
    out = move.move_entries(tensor, [(1, orders), (2, last.expand(3, 5))], True)
    for i in range(3):
        assert torch.equal(out[i], tensor[i][orders[i]][:, last])


def test_the_result_is_a_copy():
    tensor = torch.randn(3)
    assert move.move_entries(tensor, [], False).data_ptr() != tensor.data_ptr()
