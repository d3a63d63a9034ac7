"""Move the entries of a tensor along several axes at once, at about the cost of copying it."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

# A net's tensor up to this many entries is moved by one gather over all its entries. A larger one would need an index
# as large as itself, so it is moved axis by axis, a few rows at a time: so few that they stay in the cache, and that
# torch doesn't share them among threads, which would cost more than it gives.
_GATHER_BELOW = 1 << 16
_BLOCK = 1 << 15


def move_entries(tensor: Tensor, moves: Sequence[tuple[int, Tensor]], stacked: bool) -> Tensor:
    """A copy whose entry ``i`` along each moved axis is the old entry ``order[i]``.

    Args:
        tensor: ``[...]``, or ``[N, ...]`` if ``stacked``.
        moves: pairs of an axis of ``tensor`` and its order, ``[size]``, or ``[N, size]`` for an order a net.
    """
    if not moves:
        return tensor.clone()
    if any(order.ndim > 1 for _, order in moves):
        for dim, order in moves:
            tensor = _per_net(tensor, dim, order)
        return tensor
    if len(moves) == 1 and moves[0][0] == stacked:
        return tensor.index_select(int(stacked), moves[0][1])
    if prod(tensor.shape[stacked:]) <= _GATHER_BELOW:
        return _gather_all(tensor, moves, stacked)
    return _in_blocks(tensor, moves)


def _gather_all(tensor: Tensor, moves: Sequence[tuple[int, Tensor]], stacked: bool) -> Tensor:
    """One gather over all entries of a net."""
    orders = dict(moves)
    place = torch.zeros((), dtype=torch.int64, device=tensor.device)
    for dim in range(stacked, tensor.ndim):
        size = tensor.shape[dim]
        order = orders.get(dim)
        order = torch.arange(size, device=tensor.device) if order is None else order
        place = place.unsqueeze(-1) * size + order
    flat = tensor.reshape(-1, place.numel()).index_select(1, place.flatten())
    return flat.reshape(tensor.shape)


def _in_blocks(tensor: Tensor, moves: Sequence[tuple[int, Tensor]]) -> Tensor:
    """Axis after axis, for a few entries of the first axis at a time."""
    (first, *rest) = moves if moves[0][0] == 0 else ((0, None), *moves)
    rows = max(1, _BLOCK // max(1, prod(tensor.shape[1:])))
    result = torch.empty_like(tensor, memory_format=torch.contiguous_format)
    for start in range(0, tensor.shape[0], rows):
        block = tensor[start : start + rows] if first[1] is None else tensor[first[1][start : start + rows]]
        for dim, order in rest:
            block = block.index_select(dim, order)
        result[start : start + rows] = block
    return result


def _per_net(tensor: Tensor, dim: int, order: Tensor) -> Tensor:
    """Each net of the stack in its own order ``[N, size]``."""
    shape = [order.shape[0]] + [1] * (tensor.ndim - 1)
    shape[dim] = order.shape[1]
    return tensor.gather(dim, order.reshape(shape).expand_as(tensor))
