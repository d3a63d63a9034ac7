"""What is random about training: the order of the nets and torch's own numbers, both from seed and step alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor


def batch_of_step(step: int, nets: int, batch_size: int, seed: int) -> Tensor:
    """The training nets of a step: a new order each epoch, from the seed alone (a resumed run draws the same)."""
    batch_size = min(batch_size, nets)
    epoch, position = divmod(step, nets // batch_size)
    return _order(nets, seed, epoch)[position * batch_size : (position + 1) * batch_size]


@lru_cache(maxsize=2)
def _order(nets: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(nets, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds torch's default generators of the CPU and of `device`, and puts them back as they were afterwards.

    `torch.manual_seed` would do it too, but where there is no GPU it keeps a stack trace a call, for each kind of GPU.
    """
    gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if gpu else []):
        torch.default_generator.manual_seed(seed)
        if gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
