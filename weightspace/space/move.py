"""Move the entries of a tensor along several axes at once, at about the cost of copying it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

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
    _share(rows, lambda low, high: torch.index_select(rows[low:high], 1, places, out=result[low:high]))
    return result if order is None else result.index_select(0, order)


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
