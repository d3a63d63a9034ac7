"""Dropout whose masks are a function of net, step, layer and place, on any device."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def hash_mask(
    keys: Int[Tensor, "*nets"], rates: Float[Tensor, "*nets"], places: Int[Tensor, "*places"], layer: int
) -> Tensor:
    """Zero with probability ``rates``, else ``1 / (1 - rate)``; ``keys`` and ``places`` are broadcast.

    The hash is a short finaliser in wrapping 32-bit integers, so masks agree bit for bit between devices and do not
    depend on which nets share a stack.
    """
    h = (places * 0x5851F42D + layer * 0x2545F491) ^ keys
    h = h.mul_(0x7FEB352D)
    h = h.bitwise_xor_(h >> 15).mul_(-2073254261)
    thresholds = (rates.double() * 2**32 - 2**31).to(torch.int32)
    return (h >= thresholds) * (1 / (1 - rates))


class Noise:
    """Dropout of one step of a stack."""

    def __init__(self, keys: Int[Tensor, " nets"], rates: Float[Tensor, " nets"], step: int):
        self.keys = (keys.to(torch.int32) + step * 668265263 % 2**31) * 374761393
        self.rates = rates
        self.layer = 0

    def mask(self, rows: int, columns: int) -> Float[Tensor, "rows nets columns"]:
        """The next layer's mask, one net beside the other."""
        self.layer += 1
        places = torch.arange(rows * columns, dtype=torch.int32, device=self.keys.device).view(rows, 1, columns)
        return hash_mask(self.keys[:, None], self.rates[:, None], places, self.layer)


class HashDropout(nn.Module):
    """Stands for ``nn.Dropout`` inside ``torch.func.vmap``; ``key`` and ``rate`` are set for every call."""

    def __init__(self, layer: int):
        super().__init__()
        self.layer = layer
        self.key = self.rate = None

    def forward(self, x: Tensor) -> Tensor:
        if self.key is None:
            return x
        places = torch.arange(x.numel(), dtype=torch.int32, device=x.device).view(x.shape)
        return x * hash_mask(self.key, self.rate, places, self.layer)
