"""Embeddings in which two draws of one architecture's weights lie together, and those of others apart."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from weightspace.tasks.architectures.jacobians import SCALE


@dataclass(frozen=True)
class ContrastiveConfig:
    """How embeddings are learned.

    Args:
        steps: of training.
        rate: of Adam.
        width: of the net.
        embedding: numbers of an embedding.
        temperature: of the loss.
        seed: of all random numbers.
    """

    steps: int = 400
    rate: float = 1e-3
    width: int = 64
    embedding: int = 16
    temperature: float = 0.1
    seed: int = 0


class SetNet(nn.Module):
    """A perceptron for each row, their mean, and a perceptron for that: it doesn't depend on the order of images."""

    def __init__(self, inputs: int, config: ContrastiveConfig):
        super().__init__()
        w = config.width
        self.rows = nn.Sequential(nn.Linear(inputs, w), nn.ReLU(), nn.Linear(w, w), nn.ReLU())
        self.whole = nn.Sequential(nn.Linear(w + SCALE, w), nn.ReLU(), nn.Linear(w, config.embedding))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(config.embedding, config.embedding))

    def forward(self, rows: Float[Tensor, "sets images width"]) -> Float[Tensor, "sets embedding"]:
        return self.whole(torch.cat([self.rows(rows).mean(1), rows[:, 0, -SCALE:]], -1))


def contrastive_loss(
    first: Float[Tensor, "n size"], second: Float[Tensor, "n size"], temperature: float
) -> Float[Tensor, ""]:
    """Cross entropy of finding each vector's partner among all others by its angle (NT-Xent; Chen et al. 2020)."""
    both = functional.normalize(torch.cat([first, second]), dim=1)
    n, alike = len(first), both @ both.T / temperature
    alike = alike.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=both.device), -torch.inf)
    partners = torch.arange(2 * n, device=both.device).roll(n)
    return functional.cross_entropy(alike, partners)


def embed_architectures(
    rows: Float[Tensor, "architectures inits images width"], config: ContrastiveConfig
) -> Float[Tensor, "architectures embedding"]:
    """An embedding of each architecture, learned without any accuracy; the mean over its draws of weights.

    Args:
        rows: of `jacobian_rows`.

    Raises:
        ValueError: fewer than two architectures, or fewer than two draws of each.
    """
    if min(rows.shape[:2]) < 2:
        raise ValueError(f"There must be two architectures and two draws of each, got {tuple(rows.shape[:2])}.")
    generator = torch.Generator().manual_seed(config.seed)
    flat = rows.flatten(0, 2)
    rows = (rows - flat.mean(0)) / flat.std(0).clamp(min=1e-6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        net = SetNet(rows.shape[-1], config).to(rows.dtype)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.rate)
    for _ in range(config.steps):
        pairs = torch.rand(rows.shape[:2], generator=generator).argsort(1)[:, :2]
        picked = [net.head(net(rows[torch.arange(len(rows)), pairs[:, k]])) for k in (0, 1)]
        loss = contrastive_loss(picked[0], picked[1], config.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return functional.normalize(net(rows.flatten(0, 1)), dim=1).view(*rows.shape[:2], -1).mean(1)
