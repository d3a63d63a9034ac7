"""The basis of equivariant linear maps."""

from itertools import product

import pytest
import torch

from weightspace.metanets.layers.basis import basis


def matrices(source, target, size):
    """The matrix of every basis map between tensors with these names, all names of one size."""
    ins, outs = (size,) * len(source), (size,) * len(target)
    rows = []
    for pooling, spreading in basis(source, target):
        unit = torch.eye(size ** len(source), dtype=torch.float64).reshape(-1, *ins, 1)
        rows.append(spreading(pooling(unit), outs).expand(-1, *outs, 1).flatten())
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("source", "target", "count"),
    [
        (("a", "b"), ("a", "b"), 4),
        (("a",), ("a", "b"), 2),
        (("a", "a"), ("a", "a"), 15),
        (("a", "b"), ("c",), 1),
        ((), ("a", "a"), 2),
        (("a", "b", "a"), ("b",), 4),
    ],
)
def test_the_basis_is_complete_and_equivariant(source, target, count):
    """As many maps as orbits of pairs of entries, linearly independent, and each commutes with permutations."""
    size = 4
    found = matrices(source, target, size)
    assert len(found) == count
    assert torch.linalg.matrix_rank(found) == count
    names = sorted({*source, *target})
    orders = {name: torch.randperm(size, generator=torch.Generator().manual_seed(n)) for n, name in enumerate(names)}
    moved = found.reshape(count, *(size,) * len(source + target))
    for place, name in enumerate(source + target):
        moved = moved.index_select(place + 1, orders[name])
    assert torch.allclose(moved.flatten(1), found)
    entries = list(product(range(size), repeat=len(source + target)))
    assert len({pattern(source + target, entry) for entry in entries}) == count


def pattern(names, entry):
    """The orbit of a pair of entries: which indices of one name agree."""
    return tuple((n, m) for n in range(len(names)) for m in range(n) if names[n] == names[m] and entry[n] == entry[m])
