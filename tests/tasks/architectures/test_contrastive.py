"""Contrastive embeddings: the loss by hand, and draws of one architecture that come together."""

import math

import pytest
import torch

from weightspace.tasks.architectures import ContrastiveConfig, embed_architectures
from weightspace.tasks.architectures.contrastive import SetNet, contrastive_loss


def test_the_loss_is_that_of_finding_the_partner():
    first = torch.eye(3, dtype=torch.float64)
    near, far = contrastive_loss(first, first, 0.5), contrastive_loss(first, first.roll(1, 0), 0.5)
    assert float(near) == pytest.approx(-math.log(math.exp(2) / (math.exp(2) + 4)))
    assert float(far) == pytest.approx(-math.log(1 / (math.exp(2) + 4)))


def test_the_order_of_images_doesnt_matter():
    net, rows = SetNet(6, ContrastiveConfig()).double(), torch.randn(2, 9, 6, dtype=torch.float64)
    rows[..., -1] = 1.5
    torch.testing.assert_close(net(rows), net(rows[:, torch.randperm(9)]))


def test_architectures_that_differ_come_apart():
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randn(3, 1, 1, 7, generator=generator)
    rows = kinds.repeat_interleave(2, 0) + 0.3 * torch.randn(6, 4, 8, 7, generator=generator)
    rows[..., -1] = rows[..., :1, -1]
    found, again = (embed_architectures(rows, ContrastiveConfig(steps=60, width=16, embedding=4)) for _ in range(2))
    distances = torch.cdist(found, found)
    same = torch.stack([distances[0, 1], distances[2, 3], distances[4, 5]]).mean()
    assert found.shape == (6, 4) and torch.equal(found, again)
    assert float(same) < float(distances.sum()) / 30


def test_what_cant_be_is_refused():
    with pytest.raises(ValueError, match=r"two architectures and two draws of each, got \(3, 1\)"):
        embed_architectures(torch.zeros(3, 1, 4, 5), ContrastiveConfig())
