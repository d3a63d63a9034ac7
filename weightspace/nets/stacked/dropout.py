"""Dropout whose masks are a function of net, step, layer and place, on any device."""

import functools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def hash_bits(keys: Int[Tensor, "..."], places: Int[Tensor, "..."], layer: int) -> Int[Tensor, "..."]:
    """Random 32-bit words of ``keys`` and ``places``, broadcast.

    A short finaliser in wrapping integers: the words agree bit for bit between devices, and do not depend on which
    nets share a stack.
    """
    h = places ^ (keys + layer * 0x2545F491)
    h = h * 0x7FEB352D
    return (h ^ (h >> 15)) * -2073254261


class Noise:
    """Dropout of one step of a stack; rates are rounded to 1/256, so that one word serves four entries.

    Every operand is spelled out to ``[nets, columns]``: broadcasting inside a row, comparing bytes and converting
    booleans are each ten times slower on a CPU (0.6 ms against 0.1 ms for 512 rows of 32 nets and 16 columns).
    """

    def __init__(self, keys: Int[Tensor, " nets"], rates: Float[Tensor, " nets"], step: int):
        self.keys = (keys.to(torch.int32) + step * 668265263 % 2**31) * 374761393
        self.levels = (rates * 256).round().clamp(0, 255)
        self.scales = 256 / (256 - self.levels)
        self.layer = 0

    def mask(self, rows: int, columns: int) -> Float[Tensor, "rows nets columns"]:
        """The next layer's mask, one net beside the other: 0, or what keeps the mean."""
        self.layer += 1
        nets, words = len(self.keys), -(-columns // 4)
        keys = self.keys[:, None].expand(nets, words).contiguous()
        octets = hash_bits(keys, _places(rows, nets, words, self.keys.device), self.layer).view(torch.uint8)
        kept = octets[..., :columns].float().sub_((self.levels - 1)[:, None].expand(nets, columns).contiguous())
        return kept.clamp_(0, 1).mul_(self.scales[:, None].expand(nets, columns).contiguous())


@functools.lru_cache(maxsize=16)
def _places(rows: int, nets: int, words: int, device: torch.device) -> Tensor:
    places = torch.arange(rows * words, dtype=torch.int32, device=device) * 0x5851F42D
    return places.view(rows, 1, words).expand(rows, nets, words).contiguous()


class HashDropout(nn.Module):
    """Stands for ``nn.Dropout`` inside ``torch.func.vmap``; the net's own numbers are set for every call."""

    def __init__(self, layer: int):
        super().__init__()
        self.layer = layer
        self.key: Tensor | None = None
        self.level: Tensor | None = None
        self.scale: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.key is None or self.level is None or self.scale is None:
            return x
        places = torch.arange(x.numel(), dtype=torch.int32, device=x.device).view(x.shape) * 0x5851F42D
        return x * ((hash_bits(self.key, places, self.layer) >> 24 & 0xFF) >= self.level) * self.scale
