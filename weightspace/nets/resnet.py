"""Residual network for small images."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from weightspace.nets.activations import ACTIVATIONS, check_activation
from weightspace.nets.bounds import LARGEST_IMAGE, WIDEST, check_between
from weightspace.nets.net import Net, example_normal

NORMS = {"batch": nn.BatchNorm2d, "group": lambda width: nn.GroupNorm(4, width)}


@dataclass(frozen=True)
class ResNetConfig:
    """Stages of a ``ResNet``: ``blocks[k]`` blocks of ``width * 2 ** k`` channels."""

    in_channels: int = 1
    image_size: int = 8
    width: int = 8
    blocks: tuple[int, ...] = (1, 1)
    norm: str = "batch"
    activation: str = "relu"
    classes: int = 10

    def __post_init__(self):
        check_between(self, 1, WIDEST, "in_channels", "classes")
        check_between(self, 1, LARGEST_IMAGE, "image_size")
        check_between(self, 4, 1024, "width")
        check_between(self, 1, 64, "blocks")
        if not 1 <= len(self.blocks) <= 6:
            raise ValueError(f"blocks must have at least 1 and at most 6 stages, got {len(self.blocks)}")
        check_activation(self.activation)
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}")
        if self.width % 4:
            raise ValueError(f"width must be a multiple of 4, got {self.width}")


class Block(nn.Module):
    """``activation(norm(conv(activation(norm(conv(x))))) + shortcut(x))``."""

    def __init__(self, a: int, b: int, stride: int, config: ResNetConfig):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.norm1 = NORMS[config.norm](b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.norm2 = NORMS[config.norm](b)
        self.shortcut = nn.Conv2d(a, b, 1, stride, bias=False) if stride > 1 or a != b else nn.Identity()
        self.activation = ACTIVATIONS[config.activation]()

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.norm1(self.conv1(x)))
        return self.activation(self.norm2(self.conv2(h)) + self.shortcut(x))


class ResNet(Net):
    """Stem, residual blocks, mean over pixels, linear.

    He et al. 2016, "Deep residual learning for image recognition", in small; each stage after the first halves the
    image.

    Shapes:
        in: ``[batch, in_channels, image_size, image_size]``; out: ``[batch, classes]``.
    """

    Config = ResNetConfig

    def __init__(self, config: ResNetConfig | None = None):
        super().__init__(config)
        c = self.config
        self.stem = nn.Conv2d(c.in_channels, c.width, 3, 1, 1, bias=False)
        self.norm = NORMS[c.norm](c.width)
        blocks, before = [], c.width
        for stage, count in enumerate(c.blocks):
            for k in range(count):
                width = c.width * 2**stage
                blocks.append(Block(before, width, 2 if stage and k == 0 else 1, c))
                before = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(before, c.classes)
        self.activation = ACTIVATIONS[c.activation]()

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch classes"]:
        x = self.activation(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))

    def example_inputs(self) -> tuple[Tensor, ...]:
        c = self.config
        return (example_normal(2, c.in_channels, c.image_size, c.image_size),)
