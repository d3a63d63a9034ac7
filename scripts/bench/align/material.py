"""What the nets of these benchmarks are trained on, and the nets themselves.

Grey CIFAR-10 is `cifar10-gray.npz` (25,000 + 5,000 images, 32x32, arrays `x_train`, `y_train`; a JPEG copy of the set).
The text is what Python's own help shows, `pydoc_data.topics`, which is installed with it.
"""

import pydoc_data.topics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.data import load_dataset, using_data_root
from weightspace.nets import build_net

CONTEXT = 64


@dataclass(frozen=True)
class Material:
    """Inputs and targets to train on, and to choose and measure on."""

    x: Tensor
    y: Tensor
    x_val: Tensor
    y_val: Tensor
    classes: int = 10

    @property
    def val(self) -> tuple[Tensor, Tensor]:
        return self.x_val, self.y_val

    def fit(self, count: int = 2000) -> tuple[Tensor, Tensor]:
        """Examples of the training part to align and mend on."""
        return self.x[:count], self.y[:count]


def mnist(root: str) -> Material:
    with using_data_root(root):
        data = load_dataset("mnist")
    return Material(data.x_train.flatten(1), data.y_train, data.x_val.flatten(1), data.y_val)


def digits(_: str = "") -> Material:
    data = load_dataset("digits")
    return Material(data.x_train, data.y_train, data.x_val, data.y_val)


def grey_cifar(root: str, side: int = 32) -> Material:
    """The first 22,500 training images to train on, the other 2,500 to measure on; the test images stay unread."""
    with np.load(Path(root) / "cifar10-gray.npz") as arrays:
        x = torch.from_numpy(arrays["x_train"]).float().reshape(-1, 1, 32, 32)
        y = torch.from_numpy(arrays["y_train"]).long()
    x = functional.avg_pool2d(x, 32 // side)
    x = (x - x[:22500].mean()) / x[:22500].std()
    return Material(x[:22500], y[:22500], x[22500:], y[22500:])


def help_text(_: str = "") -> Material:
    """Characters of Python's help topics: each stretch of 64 and what follows; the last tenth to measure."""
    text = "\n".join(pydoc_data.topics.topics[key] for key in sorted(pydoc_data.topics.topics))
    known = sorted(set(text))
    codes = torch.tensor([known.index(letter) for letter in text])
    rows = codes[: (len(codes) - 1) // CONTEXT * CONTEXT + 1].unfold(0, CONTEXT + 1, CONTEXT)
    cut = len(rows) * 9 // 10
    return Material(rows[:cut, :-1], rows[:cut, 1:], rows[cut:, :-1], rows[cut:, 1:], len(known))


class Reader(nn.Module):
    """A causal transformer over characters: learned positions, norms in front, attention by four matrices."""

    def __init__(self, letters: int, dim: int = 64, heads: int = 4, depth: int = 2, context: int = CONTEXT):
        super().__init__()
        self.heads, self.depth = heads, depth
        self.embed, self.positions = nn.Embedding(letters, dim), nn.Parameter(0.02 * torch.randn(context, dim))
        nn.init.normal_(self.embed.weight, std=0.02)  # else letters that are rare stay noise, larger than the others

        def part(make: Callable[[], nn.Module]) -> nn.ModuleList:
            return nn.ModuleList(make() for _ in range(depth))

        self.norm1, self.norm2 = part(lambda: nn.LayerNorm(dim)), part(lambda: nn.LayerNorm(dim))
        self.query, self.key, self.value, self.out = (part(lambda: nn.Linear(dim, dim)) for _ in range(4))
        self.up, self.down = part(lambda: nn.Linear(dim, 4 * dim)), part(lambda: nn.Linear(4 * dim, dim))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, letters)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) + self.positions
        for k in range(self.depth):
            x = x + self.attend(k, self.norm1[k](x))
            x = x + self.down[k](functional.gelu(self.up[k](self.norm2[k](x))))
        return self.head(self.norm(x))

    def attend(self, k: int, x: Tensor) -> Tensor:
        batch, length, dim = x.shape
        query, key, value = (
            part[k](x).view(batch, length, self.heads, dim // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out[k](seen.transpose(1, 2).reshape(batch, length, dim))


@dataclass(frozen=True)
class Recipe:
    """One kind of net, its data, and how it is trained."""

    data: Callable[[str], Material]
    net: Callable[[], nn.Module]
    epochs: int
    lr: float
    decay: float
    optimizer: str = "sgd"
    batch: int = 128
    augment: bool = False


def _resnet(width: int) -> Callable[[], nn.Module]:
    return lambda: build_net("resnet", width=width, blocks=[1, 1, 1], image_size=16)


def _small_grey_cifar(root: str) -> Material:
    return grey_cifar(root, 16)


def _vit() -> nn.Module:
    return build_net("vit", image_size=32, patch=8, dim=64, heads=4, depth=2)


RECIPES = {
    "vit-digits": Recipe(digits, lambda: build_net("vit", dim=32, heads=4, depth=2), 20, 5e-3, 5e-2, "adamw", batch=64),
    "mnist-mlp": Recipe(
        mnist, lambda: build_net("mlp", in_features=784, hidden=[512] * 4, out_features=10), 10, 0.05, 1e-2, batch=256
    ),
    "resnet-1x": Recipe(_small_grey_cifar, _resnet(12), 30, 0.1, 5e-3, augment=True),
    "resnet-1x-light": Recipe(_small_grey_cifar, _resnet(12), 20, 0.1, 1e-3, augment=True),
    "resnet-4x": Recipe(_small_grey_cifar, _resnet(48), 4, 0.1, 1e-3, augment=True),
    "resnet-4x-decay": Recipe(_small_grey_cifar, _resnet(48), 6, 0.1, 5e-3, augment=True),
    "vit-tiny": Recipe(grey_cifar, _vit, 8, 2e-3, 5e-2, "adamw", augment=True),
    "reader": Recipe(help_text, lambda: Reader(103), 5, 4e-3, 5e-2, "adamw", batch=64),
}
