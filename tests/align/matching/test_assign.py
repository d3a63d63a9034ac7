"""One-to-one assignments, exact and soft."""

from itertools import permutations

import torch

from weightspace.align.matching.assign import assign, sinkhorn


def test_the_best_of_all_assignments_is_found():
    tables = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = assign(tables)
    for table, order in zip(tables, found, strict=True):
        totals = {way: float(table[range(5), list(way)].sum()) for way in permutations(range(5))}
        assert tuple(order.tolist()) == max(totals, key=totals.get)


def test_the_soft_one_is_doubly_stochastic_and_hardens():
    scores = torch.randn(3, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    soft = sinkhorn(scores, steps=200)
    assert torch.allclose(soft.sum(-1), torch.ones(3, 6, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(soft.sum(-2), torch.ones(3, 6, dtype=torch.float64), atol=1e-6)
    hard = sinkhorn(scores, temperature=0.005, steps=2000)
    assert torch.equal(hard.argmax(-1), assign(scores))
