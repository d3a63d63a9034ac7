"""Convolutional net for small images."""

from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.activations import ACTIVATIONS, check_activation
from weightspace.nets.bounds import LARGEST_IMAGE, WIDEST, check_between, check_length
from weightspace.nets.net import Net, example_normal

NORMS = ("none", "batch", "group")


@dataclass(frozen=True)
class CNNConfig:
    """Layers of a ``CNN``; ``kernel``, ``stride`` and ``pool`` are one number or one a layer."""

    in_channels: int = 1
    image_size: int = 8
    channels: tuple[int, ...] = (16, 16, 16)
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = (2, 1, 2)
    pool: int | tuple[int, ...] = 1
    pool_first: bool = False
    padding: str = "same"
    norm: str = "none"
    residual: bool = False
    head: str = "mean"
    hidden: tuple[int, ...] = ()
    classes: int = 10
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self):
        check_between(self, 1, WIDEST, "in_channels", "channels", "hidden", "classes")
        check_between(self, 1, LARGEST_IMAGE, "image_size", "stride", "pool")
        check_between(self, 1, 63, "kernel")
        check_length(self, 1, "channels")
        check_length(self, 0, "hidden")
        check_activation(self.activation)
        for name, known in (("padding", ("same", "valid")), ("norm", NORMS), ("head", ("mean", "flatten"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in ("kernel", "stride", "pool"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != len(self.channels):
                raise ValueError(f"{name} must have one entry a layer ({len(self.channels)}), got {len(value)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")
        if min(self.sizes) < 1:
            raise ValueError(f"an image of {self.image_size} pixels is used up by the layers: sizes {self.sizes}")

    @property
    def layers(self) -> tuple[tuple[int, int, int], ...]:
        """Kernel, stride and pooling of every layer."""
        columns = []
        for value in (self.kernel, self.stride, self.pool):
            columns.append(value if isinstance(value, tuple) else (value,) * len(self.channels))
        return tuple(zip(*columns, strict=True))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Side of the image before the first and after every layer, in pixels."""
        sizes = [self.image_size]
        for kernel, stride, pool in self.layers:
            pad = kernel // 2 if self.padding == "same" else 0
            sizes.append(((sizes[-1] + 2 * pad - kernel) // stride + 1) // pool)
        return tuple(sizes)


class CNN(Net):
    """Convolutions, then the mean over pixels (or all pixels), then linear layers.

    ``h <- dropout(pool(activation(norm(conv(h)))))``; with ``residual``, ``h`` is added where the shapes agree; with
    ``pool_first``, pooling comes before the activation (which matters where the activation is not monotone).
    The default on 28x28 images with ``padding="valid"``, ``stride=2`` is the 4,970-parameter net of the
    Small CNN Zoo (Unterthiner et al. 2020, "Predicting neural network accuracy from weights").

    Shapes:
        in: ``[batch, in_channels, image_size, image_size]``; out: ``[batch, classes]``.
    """

    Config = CNNConfig

    def __init__(self, config: CNNConfig | None = None):
        super().__init__(config)
        c = self.config
        widths = (c.in_channels, *c.channels)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, kernel, stride, padding=kernel // 2 if c.padding == "same" else 0)
            for (a, b), (kernel, stride, _) in zip(pairwise(widths), c.layers, strict=True)
        )
        self.norms = nn.ModuleList(_norm(c.norm, width) for width in c.channels)
        self.pools = nn.ModuleList(nn.MaxPool2d(pool) if pool > 1 else nn.Identity() for _, _, pool in c.layers)
        features = c.channels[-1] * (c.sizes[-1] ** 2 if c.head == "flatten" else 1)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise((features, *c.hidden, c.classes)))
        self.activation = ACTIVATIONS[c.activation]()
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch classes"]:
        for conv, norm, pool in zip(self.convs, self.norms, self.pools, strict=True):
            h = norm(conv(x))
            h = self.activation(pool(h)) if self.config.pool_first else pool(self.activation(h))
            h = self.dropout(h)
            x = x + h if self.config.residual and x.shape == h.shape else h
        x = x.mean((2, 3)) if self.config.head == "mean" else x.flatten(1)
        for linear in self.linears[:-1]:
            x = self.dropout(self.activation(linear(x)))
        return self.linears[-1](x)

    def example_inputs(self) -> tuple[Tensor, ...]:
        c = self.config
        return (example_normal(2, c.in_channels, c.image_size, c.image_size),)


def _norm(name: str, width: int) -> nn.Module:
    if name == "none":
        return nn.Identity()
    return nn.BatchNorm2d(width) if name == "batch" else nn.GroupNorm(min(4, width), width)
