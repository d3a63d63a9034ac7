"""Weights in equal chunks: the right entry in the right place, fewer parameters than weights, later ones on earlier."""

import torch

from weightspace.generators.writers.chunks import ChunkWriter

SHAPES = {"first.weight": (5, 3), "first.bias": (5,), "second.weight": (2, 5), "second.bias": (2,)}
SIZE = 15 + 5 + 10 + 2


def writer(chained, entries=9):
    torch.manual_seed(0)
    return ChunkWriter(SHAPES, features=4, width=6, chunk=3, entries=entries, chained=chained).double()


def flat(written):
    return torch.cat([tensor.flatten(1) for tensor in written.values()], 1)


def test_chunks_follow_each_other_in_the_order_of_the_tensors():
    net, z = writer(chained=False), torch.randn(2, 4, dtype=torch.float64)
    found = flat(net(z))
    assert found.shape == (2, SIZE) and len(net.embedding) == 4
    for i in range(2):
        rows = [net.head(net.body(torch.cat([z[i], chunk]))) for chunk in net.embedding]
        torch.testing.assert_close(found[i], torch.cat(rows)[:SIZE])
    assert {name: tuple(tensor.shape[1:]) for name, tensor in net(z).items()} == SHAPES


def moved_entries(chained, chunk):
    """Which entries change when the embedding of one chunk does."""
    net, z = writer(chained), torch.randn(1, 4, dtype=torch.float64)
    before = flat(net(z))
    with torch.no_grad():
        net.embedding[chunk] += 1
    return (flat(net(z)) != before)[0].nonzero().flatten().tolist()


def test_a_chain_lets_later_chunks_depend_on_earlier_ones():
    assert moved_entries(chained=False, chunk=1) == list(range(9, 18))
    assert moved_entries(chained=True, chunk=1) == list(range(9, SIZE))


def test_it_can_be_smaller_than_what_it_writes():
    net = ChunkWriter({"weight": (200, 200)}, features=2, width=8, chunk=4, entries=1000)
    assert sum(p.numel() for p in net.parameters()) < 200 * 200 / 3
