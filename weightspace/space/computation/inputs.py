"""Inputs beside the example: other values, other sizes, another number of samples."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Inputs = tuple[tuple[Any, ...], dict[str, Any]]

_FEW = 1 << 14  # entries; larger inputs are halved before they are doubled


def with_values(inputs: Inputs, seed: int, negative: bool = True) -> Inputs:
    """Inputs of the same sizes with other values.

    Whole numbers stay in the example's range; booleans, and floats that are zeros and ones like them, stay as they are,
    since masks rarely make sense at random.

    Args:
        negative: numbers may be negative where the example's aren't.
    """
    generator = torch.Generator().manual_seed(seed)
    return _map(inputs, lambda tensor: _drawn(tensor, generator, negative))


def _drawn(tensor: Tensor, generator: torch.Generator, negative: bool) -> Tensor:
    if tensor.layout != torch.strided or tensor.numel() == 0 or tensor.dtype == torch.bool:
        return tensor
    if tensor.is_complex():
        return torch.view_as_complex(_drawn(torch.view_as_real(tensor.resolve_conj()), generator, negative))
    low, high = tensor.min(), tensor.max()
    if not tensor.is_floating_point():
        start, stop = (int(low), int(high)) if low < high else (0, max(1, int(high)))
        return torch.randint(start, stop + 1, tensor.shape, generator=generator).to(tensor)
    if low < high and bool(((tensor == 0) | (tensor == 1)).all()):
        return tensor
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    spread = float(tensor.double().std()) if low < high else 1.0
    drawn = 3 * max(spread, 0.1) * noise + float(tensor.double().mean())
    return (drawn if negative or low < 0 else drawn.abs()).to(tensor)


def with_sizes(inputs: Inputs) -> Iterator[Inputs]:
    """Inputs that may fit too: each size that isn't the number of samples doubled and halved, one at a time."""
    few = entries_of(inputs) <= _FEW
    for size in sizes_of(inputs):
        for new in (2 * size, size // 2) if few else (size // 2, 2 * size):
            if new > 1 - few and (new == 2 * size or size % 2 == 0 or not few):
                yield resized(inputs, size, new)


def with_one_more(inputs: Inputs) -> Iterator[Inputs]:
    """Inputs that may fit too: each size that isn't the number of samples one more, odd for even, one at a time."""
    for size in sizes_of(inputs):
        yield resized(inputs, size, size + 1)


def sizes_of(inputs: Inputs) -> list[int]:
    """Those beside the number of samples, largest first."""
    tensors = _tensors(inputs)
    found = {size for tensor in tensors for size in tensor.shape[min(1, tensor.ndim - 1) :] if size > 1}
    return sorted(found, reverse=True)


def entries_of(inputs: Inputs) -> int:
    """How many there are, as a measure of how long it takes to run a module on them."""
    return sum(tensor.numel() for tensor in _tensors(inputs))


def resized(inputs: Inputs, size: int, new: int) -> Inputs:
    """Inputs in which each such size that isn't the number of samples is another one."""
    return _map(inputs, lambda tensor: _resized(tensor, size, new))


def _resized(tensor: Tensor, size: int, new: int) -> Tensor:
    for axis in range(min(1, tensor.ndim - 1), tensor.ndim) if tensor.ndim and tensor.layout == torch.strided else ():
        if tensor.shape[axis] == size:
            tensor = tensor.index_select(axis, torch.arange(new, device=tensor.device) % size)
    return tensor


def with_samples(inputs: Inputs) -> Inputs | None:
    """Inputs with twice as many samples along the first axis, if all have one number of them."""
    return _map(inputs, lambda tensor: torch.cat([tensor, tensor])) if _samples(inputs) else None


def with_one_sample(inputs: Inputs) -> Iterator[Inputs]:
    """The first sample alone, if all have one number of them, and several."""
    if (_samples(inputs) or 0) > 1:
        yield _map(inputs, lambda tensor: tensor[:1])


def _samples(inputs: Inputs) -> int | None:
    """The number of samples along the first axis, if all have the same."""
    tensors = _tensors(inputs)
    if not tensors or any(tensor.layout != torch.strided or tensor.ndim == 0 for tensor in tensors):
        return None
    counts = {len(tensor) for tensor in tensors}
    return counts.pop() if len(counts) == 1 else None


def _tensors(inputs: Inputs) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)]


def _map(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    return pytree.tree_map(lambda leaf: change(leaf) if isinstance(leaf, Tensor) else leaf, inputs)
