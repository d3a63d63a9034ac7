"""Vision transformer for small images."""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.bounds import LARGEST_IMAGE, LONGEST, WIDEST, check_between
from weightspace.nets.net import Net, example_normal

POSITION_SPREAD, MOST_PATCHES = 0.02, 64


@dataclass(frozen=True)
class ViTConfig:
    """Patches, width and depth of a ``ViT``."""

    in_channels: int = 1
    image_size: int = 8
    patch: int = 2
    dim: int = 16
    heads: int = 2
    depth: int = 2
    ratio: int = 2
    classes: int = 10
    dropout: float = 0.0

    def __post_init__(self):
        check_between(self, 1, WIDEST, "in_channels", "dim", "heads", "classes")
        check_between(self, 1, LARGEST_IMAGE, "image_size", "patch")
        check_between(self, 0, LONGEST, "depth")
        check_between(self, 1, 64, "ratio")
        if self.image_size % self.patch:
            raise ValueError(f"patch must divide image_size ({self.image_size}), got {self.patch}")
        if self.image_size // self.patch > MOST_PATCHES:
            side = self.image_size // self.patch
            raise ValueError(f"image_size / patch must be at most {MOST_PATCHES}, got {side}")
        if self.dim % self.heads:
            raise ValueError(f"heads must divide dim ({self.dim}), got {self.heads}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


class Layer(nn.Module):
    """Attention and a two-layer perceptron, each on normalised tokens and added to them."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.out = nn.Linear(config.dim, config.dim)
        self.norm2 = nn.LayerNorm(config.dim)
        self.up = nn.Linear(config.dim, config.ratio * config.dim)
        self.down = nn.Linear(config.ratio * config.dim, config.dim)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Float[Tensor, "batch token dim"]) -> Float[Tensor, "batch token dim"]:
        x = x + self.dropout(self.attend(self.norm1(x)))
        return x + self.dropout(self.down(self.activation(self.up(self.norm2(x)))))

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(
            self.qkv(x), "batch token (three head dim) -> three batch head token dim", three=3, head=self.heads
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        return self.out(rearrange(scores.softmax(3) @ v, "batch head token dim -> batch token (head dim)"))


class ViT(Net):
    """Patches, learned positions, attention layers, mean over tokens, linear.

    Dosovitskiy et al. 2021, "An image is worth 16x16 words", in small and without a class token.

    Shapes:
        in: ``[batch, in_channels, image_size, image_size]``; out: ``[batch, classes]``.
    """

    Config = ViTConfig

    def __init__(self, config: ViTConfig | None = None):
        super().__init__(config)
        c = self.config
        self.patches = nn.Conv2d(c.in_channels, c.dim, c.patch, c.patch)
        self.positions = nn.Parameter(POSITION_SPREAD * torch.randn((c.image_size // c.patch) ** 2, c.dim))
        self.bounds["positions"] = POSITION_SPREAD * math.sqrt(3)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.depth))
        self.norm = nn.LayerNorm(c.dim)
        self.head = nn.Linear(c.dim, c.classes)

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch classes"]:
        x = rearrange(self.patches(x), "batch dim row column -> batch (row column) dim") + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))

    def example_inputs(self) -> tuple[Tensor, ...]:
        c = self.config
        return (example_normal(2, c.in_channels, c.image_size, c.image_size),)
