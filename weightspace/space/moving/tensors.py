"""Move the entries of a tensor along several axes at once, in one or two passes over it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

# Rows that change their order are moved a few at a time: so few that they stay in the cache, and that torch doesn't
# share them among threads of its own, which would cost more than it gives.
_BLOCK = 1 << 15
_SHARE_FROM = 1 << 18  # entries; below that, starting threads costs more than they save
_WHOLE_BELOW = 1 << 16  # entries; a smaller tensor of a single net counts as one row


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
    if tensor.requires_grad and torch.is_grad_enabled():
        for dim, order in moves:
            tensor = tensor.index_select(dim, order)
        return tensor
    if len(moves) == 1 and moves[0][0] == stacked:
        return tensor.index_select(int(stacked), moves[0][1])
    orders = dict(moves)
    if not stacked and tensor.numel() <= _WHOLE_BELOW:
        return _move_rows(tensor.reshape(1, -1), None, _places(tensor.shape, orders)).reshape(tensor.shape)
    trailing = {dim - 1: order for dim, order in moves if dim}
    rows = tensor.reshape(tensor.shape[0], -1)
    return _move_rows(rows, orders.get(0), _places(tensor.shape[1:], trailing)).reshape(tensor.shape)


def _places(shape: Sequence[int], orders: Mapping[int, Tensor]) -> Tensor:
    """For each entry of a tensor of this shape, laid flat, the old entry that moves there."""
    device = next(iter(orders.values())).device if orders else None
    place = torch.zeros((), dtype=torch.int64, device=device)
    for dim, size in enumerate(shape):
        order = orders[dim] if dim in orders else torch.arange(size, device=device)
        place = place.unsqueeze(-1) * size + order
    return place.flatten()


def _move_rows(rows: Tensor, order: Tensor | None, places: Tensor) -> Tensor:
    """Rows in another order (None: their own), and the entries of every row at other places."""
    result = torch.empty_like(rows, memory_format=torch.contiguous_format)
    step = rows.shape[0] if order is None else max(1, _BLOCK // max(1, rows.shape[1]))

    def move(low: int, high: int) -> None:
        for start in range(low, high, step):
            stop = min(start + step, high)
            block = rows[start:stop] if order is None else rows.index_select(0, order[start:stop])
            torch.index_select(block, 1, places, out=result[start:stop])

    _share(rows, move)
    return result


def _share(tensor: Tensor, move: Callable[[int, int], Any]) -> None:
    """Move the rows of a tensor, in as many threads as torch uses: its own gather along an axis runs in one."""
    rows, threads = tensor.shape[0], torch.get_num_threads()
    if tensor.device.type != "cpu" or tensor.numel() < _SHARE_FROM or threads == 1:
        move(0, rows)
        return
    bounds = [rows * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(move, bounds[:-1], bounds[1:]))


def _per_net(tensor: Tensor, dim: int, order: Tensor) -> Tensor:
    """Each net of the stack in its own order ``[N, size]``."""
    shape = [order.shape[0]] + [1] * (tensor.ndim - 1)
    shape[dim] = order.shape[1]
    return tensor.gather(dim, order.reshape(shape).expand_as(tensor))
