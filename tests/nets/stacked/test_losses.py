"""The losses of a stack are those of each net alone."""

import torch
from torch.nn import functional

from weightspace.nets.stacked.losses import cross_entropies


def test_each_net_has_its_own():
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 7, 5, generator=source)
    shared, own = torch.randint(5, (7,), generator=source), torch.randint(5, (3, 7), generator=source)
    for labels, of in ((shared, shared.expand(3, -1)), (own, own)):
        wanted = [functional.cross_entropy(logits[net], of[net], reduction="none") for net in range(3)]
        torch.testing.assert_close(cross_entropies(logits, labels), torch.stack(wanted))
