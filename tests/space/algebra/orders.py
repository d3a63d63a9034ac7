"""The order of entries that each axis gets once every free leaf has a random permutation."""

import torch

from weightspace.space.algebra.dims import (
    LEAF,
    PRODUCT,
    Dim,
    find,
    is_fixed,
)


class Permutations:
    """A random permutation for each free leaf, drawn when it is first seen."""

    def __init__(self, seed=0):
        self.generator, self.known = torch.Generator().manual_seed(seed), {}

    def order(self, dim: Dim) -> torch.Tensor:
        """For each entry of an axis the entry that moves there."""
        dim = find(dim)
        if is_fixed(dim):
            return torch.arange(dim.size)
        if dim.kind == LEAF:
            if dim not in self.known:
                self.known[dim] = torch.randperm(dim.size, generator=self.generator)
            return self.known[dim]
        orders = [self.order(part) for part in dim.parts]
        return products(orders) if dim.kind == PRODUCT else sums(orders)


def products(orders):
    whole = torch.zeros(1, dtype=torch.long)
    for order in orders:
        whole = (whole[:, None] * len(order) + order).flatten()
    return whole


def sums(orders):
    start, pieces = 0, []
    for order in orders:
        pieces.append(order + start)
        start += len(order)
    return torch.cat([torch.zeros(0, dtype=torch.long), *pieces])
