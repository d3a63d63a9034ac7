"""Signs that meet in every tensor, so that no tensor decides one of them by itself: settled together."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from weightspace.space.forms.entries import Entry, Waiting
from weightspace.space.weightspace import WeightSpace

_MOST = 10_000  # entries of a tensor that are all looked at where some of the chosen ones are zero


def joint_signs(
    space: WeightSpace, weights: Mapping[str, Tensor], actions: Sequence[int], stacked: bool
) -> dict[int, Tensor]:
    """For each action the signs, ``[size]`` a net, under which entries, one after the other, are positive.

    The sign of an entry is a sum, modulo 2, over the neurons that multiply it. Entries are taken in order, each as long
    as it says something that those before don't; the equations that follow are solved by elimination. What no entry
    decides acts trivially and stays.
    """
    starts, count = {}, 0
    for index in actions:
        starts[index] = count
        count += space.names[space.actions[index].name].size or 1
    waiting = Waiting(space, actions)
    nets = [_solved(net, count) for net in zip(*_rows(waiting, weights, starts, stacked), strict=True)]
    signs = torch.tensor(nets or [[1.0] * count], dtype=torch.float64)
    sizes = {index: space.names[space.actions[index].name].size or 1 for index in actions}
    parts = {index: signs[:, starts[index] : starts[index] + sizes[index]] for index in actions}
    return {index: part if stacked else part[0] for index, part in parts.items()}


def _rows(
    waiting: Waiting, weights: Mapping[str, Tensor], starts: Mapping[int, int], stacked: bool
) -> list[list[tuple[int, float]]]:
    """Entries in order, for each net the neurons that multiply it, as bits of a number, and its value."""
    found = []
    for tensor, entries in waiting.at.items():
        odd = [entry for entry in entries if entry.power % 2]
        if odd:
            stack = weights[tensor].detach().double().cpu()
            found += _of_tensor(stack if stacked else stack[None], odd, starts)
    return found


def _of_tensor(stack: Tensor, entries: Sequence[Entry], starts: Mapping[int, int]) -> list[list[tuple[int, float]]]:
    """The rows of one tensor: cubes summed over what the same neurons multiply."""
    masks: list[list[int]] = []
    values = stack**3
    for dim in range(stack.ndim - 1):
        own = [entry for entry in entries if entry.dim == dim]
        masks.append([])
        keys = torch.stack([torch.zeros(stack.shape[dim + 1]).long(), *(entry.neurons for entry in own)])
        kinds, inverse = keys.unique(dim=1, return_inverse=True)
        for kind in kinds[1:].T.tolist():
            bits = [1 << starts[e.action] + neuron - 1 for e, neuron in zip(own, kind, strict=True) if neuron]
            masks[-1].append(_sum(bits))
        shape = [*values.shape[: dim + 1], len(masks[-1]), *values.shape[dim + 2 :]]
        values = values.new_zeros(shape).index_add(dim + 1, inverse, values)
    places = list(_star(values.shape[1:]))
    picked = [values[(slice(None), *place)] for place in places]
    if values[0].numel() <= _MOST and not all(bool((value != 0).all()) for value in picked):
        places += list(torch.cartesian_prod(*map(torch.arange, values.shape[1:])).reshape(-1, stack.ndim - 1).tolist())
        picked = [values[(slice(None), *place)] for place in places]
    told = [_sum([masks[dim][at] for dim, at in enumerate(place)]) for place in places]
    return [[(mask, number) for number in value.tolist()] for mask, value in zip(told, picked, strict=True)]


def _star(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Places of which one coordinate at most isn't 0: they say all that the others do, where none is zero."""
    yield (0,) * len(sizes)
    for dim, size in enumerate(sizes):
        for at in range(1, size):
            yield tuple(at if own == dim else 0 for own in range(len(sizes)))


def _sum(bits: Sequence[int]) -> int:
    total = 0
    for bit in bits:
        total ^= bit
    return total


def _solved(rows: Sequence[tuple[int, float]], count: int) -> list[float]:
    """Signs that make the entries positive that are independent of those before them."""
    basis: dict[int, tuple[int, bool]] = {}  # by highest bit
    for mask, value in rows:
        flip = value < 0
        while value != 0 and mask:
            top = mask.bit_length() - 1
            if top not in basis:
                basis[top] = (mask, flip)
                break
            other, flipped = basis[top]
            mask, flip = mask ^ other, flip != flipped
    flips = 0
    for top in sorted(basis):  # lower bits are known by now
        mask, flip = basis[top]
        odd = bool(((mask ^ (1 << top)) & flips).bit_count() % 2)
        flips |= (odd != flip) << top
    return [-1.0 if flips >> place & 1 else 1.0 for place in range(count)]
