"""All equivariant linear maps between two tensors whose axes bear names of neurons."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pooling:
    """What one basis map reads: equal labels are a diagonal, labels that aren't kept are averaged over.

    Attributes:
        labels: one for each index of the input.
        kept: the labels that remain, in order.
    """

    labels: tuple[int, ...]
    kept: tuple[int, ...]

    def __call__(self, tensor: Tensor) -> Tensor:
        """``[nets, *indices, channels]`` to ``[nets, *kept, channels]``."""
        averaged = [tensor.shape[1 + self.labels.index(label)] for label in set(self.labels) - set(self.kept)]
        if self.labels == self.kept:
            return tensor
        channels, nets = len(self.labels), len(self.labels) + 1  # two labels of their own
        total = torch.einsum(tensor, [nets, *self.labels, channels], [nets, *self.kept, channels])
        return total / prod(averaged)


@dataclass(frozen=True)
class Spreading:
    """Where one basis map writes: each index of the output belongs to a block, some blocks are read, some broadcast.

    Attributes:
        blocks: for each index of the output the number of its block.
        read: the blocks that come with the input, in order. Blocks of several indices are written on the diagonal.
    """

    blocks: tuple[int, ...]
    read: tuple[int, ...]

    def __call__(self, value: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """``[nets, *read, channels]`` to what broadcasts against ``[nets, *sizes, channels]``."""
        shape, order = [1] * len(sizes), [self.blocks.index(block) for block in self.read]
        for place, block in zip(order, self.read, strict=True):
            shape[place] = value.shape[1 + self.read.index(block)]
        turned = value.permute(0, *(1 + self.read.index(self.blocks[p]) for p in sorted(order)), value.ndim - 1)
        result = turned.reshape(value.shape[0], *shape, value.shape[-1])
        for first, second in self._pairs():
            result = result * _diagonal(sizes, first, second).to(result)
        return result

    def _pairs(self) -> list[tuple[int, int]]:
        return [(self.blocks.index(b), place) for place, b in enumerate(self.blocks) if self.blocks.index(b) != place]


def basis(source: tuple[str, ...], target: tuple[str, ...]) -> Iterator[tuple[Pooling, Spreading]]:
    """Every basis map from a tensor with these names on its indices to one with those.

    The maps that commute with the permutations of all names are spanned by one for each partition of the indices of
    both tensors into blocks of one name each. Zhou et al. 2024, "Universal neural functionals", theorem 3.1.
    """
    names = source + target
    groups = [[place for place, own in enumerate(names) if own == name] for name in dict.fromkeys(names)]
    for choice in product(*(list(_partitions(group)) for group in groups)):
        blocks = [block for part in choice for block in part]
        label = {place: number for number, block in enumerate(blocks) for place in block}
        kept = tuple(number for number, block in enumerate(blocks) if min(block) < len(source) <= max(block))
        labels = tuple(label[place] for place in range(len(source)))
        writing = tuple(label[place] for place in range(len(source), len(names)))
        yield Pooling(*_renumbered(labels, kept)), Spreading(*_renumbered(writing, kept))


def _renumbered(labels: tuple[int, ...], kept: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Labels counted from zero in the order in which they are kept, so that equal maps compare equal."""
    order = {label: number for number, label in enumerate(dict.fromkeys([*kept, *labels]))}
    return tuple(order[label] for label in labels), tuple(order[label] for label in kept)


def _partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for part in _partitions(rest):
        yield [[first], *part]
        for place in range(len(part)):
            yield [*part[:place], [first, *part[place]], *part[place + 1 :]]


def _diagonal(sizes: tuple[int, ...], first: int, second: int) -> Tensor:
    shape = [size if place in (first, second) else 1 for place, size in enumerate(sizes)]
    return torch.eye(sizes[first]).reshape(1, *shape, 1)
