"""The held-out tasks of a race: eight kinds of net on data that no rule was trained on."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.machine.data_root import data_root
from weightspace.nets import build_net
from weightspace.nets.net import Net
from weightspace.tasks.optimization.innertask import InnerTask

CONTEXT = 16
"""Characters that the transformer sees."""


class RowReader(Net):
    """A recurrent net (Elman's, with tanh) that reads an image row by row, and then says its class.

    Shapes:
        in: ``[batch, 1, rows, pixels]``; out: ``[batch, 10]``.
    """

    Config = dict

    def __init__(self, pixels: int = 28, width: int = 32):
        super().__init__({})
        self.pixels = pixels
        self.read = nn.Linear(pixels, width)
        self.recur = nn.Linear(width, width, bias=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.read(x[:, 0])
        h = torch.zeros_like(steps[:, 0])
        for row in steps.unbind(1):
            h = torch.tanh(row + self.recur(h))
        return self.head(h)

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (torch.zeros(2, 1, self.pixels, self.pixels),)


class CharacterTransformer(Net):
    """One layer of causal attention and a perceptron, on characters.

    Shapes:
        in: ``[batch, characters]``, whole numbers; out: ``[batch, characters, vocabulary]``.
    """

    Config = dict

    def __init__(self, vocabulary: int, width: int = 24):
        super().__init__({})
        self.embed = nn.Embedding(vocabulary, width)
        self.place = nn.Embedding(CONTEXT, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.place.weight
        q, k, v = self.qkv(self.norm1(h)).chunk(3, -1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        later = torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).triu(1)
        h = h + self.out(scores.masked_fill(later, -math.inf).softmax(-1) @ v)
        h = h + self.down(functional.gelu(self.up(self.norm2(h))))
        return self.head(self.norm3(h))

    def example_inputs(self) -> tuple[Tensor, ...]:
        return (torch.zeros(2, CONTEXT, dtype=torch.long),)


def images(collection: str, side: int) -> tuple[Tensor, Tensor, str]:
    """10,000 training images of a collection in the data folder, grey, or else the enlarged digits of scikit-learn."""
    root = data_root()
    if root and (Path(root) / collection).is_dir():
        data = load_dataset(collection, grey=True, side=side)
        return data.x_train[:10_000], data.y_train[:10_000], collection
    data = load_dataset("digits")
    return functional.interpolate(data.x_train, size=(side, side), mode="bilinear"), data.y_train, "digits"


def classifying(kind: str, collection: str, side: int, batch: int, net: nn.Module) -> InnerTask:
    """Images and their classes."""
    x, y, found = images(collection, side)
    assert isinstance(net, Net)
    flat = kind == "mlp"
    return InnerTask(f"{found}-{kind}", net.train(), x.flatten(1) if flat else x, y, batch)


def autoencoder() -> InnerTask:
    """Images of 14x14 pixels through eight numbers."""
    x, _, found = images("mnist", 14)
    x = (x - x.amin()) / (x.amax() - x.amin())
    net = build_net("mlp", in_features=196, hidden=[32, 8, 32], out_features=196, activation="tanh")
    assert isinstance(net, Net)
    return InnerTask(f"{found}-autoencoder", net, x.flatten(1), x.flatten(1), 64)


def implicit() -> InnerTask:
    """One image of 28x28 pixels as a SIREN, 196 random pixels a step."""
    x, _, found = images("mnist", 28)
    ends = torch.linspace(-1, 1, 28)
    points = torch.stack(torch.meshgrid(ends, ends, indexing="ij"), -1).reshape(-1, 2)
    net = build_net("siren", in_features=2, out_features=1, hidden=[32, 32])
    assert isinstance(net, Net)
    shown = x[0].reshape(-1, 1)
    return InnerTask(f"{found}-siren", net, points, (shown - shown.min()) / (shown.max() - shown.min()), 196)


def characters() -> InnerTask:
    """The next character of the descriptions of data sets that come with scikit-learn."""
    import sklearn

    folder = Path(sklearn.__file__).parent / "datasets" / "descr"
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.rst")))
    known = {character: number for number, character in enumerate(sorted(set(text)))}
    numbers = torch.tensor([known[character] for character in text])
    pieces = numbers.unfold(0, CONTEXT + 1, 8)
    return InnerTask("text-transformer", CharacterTransformer(len(known)), pieces[:, :-1], pieces[:, 1:], 4)


RACES: dict[str, Callable[[], InnerTask]] = {
    "mlp": lambda: classifying("mlp", "mnist", 28, 64, build_net("mlp", in_features=784, hidden=[16], out_features=10)),
    "cnn": lambda: classifying(
        "cnn", "cifar10", 32, 32, build_net("cnn", image_size=32, channels=[8, 12, 16], stride=[4, 2, 2])
    ),
    "resnet": lambda: classifying("resnet", "mnist", 14, 16, build_net("resnet", image_size=14, width=4, norm="group")),
    "vit": lambda: classifying("vit", "mnist", 16, 16, build_net("vit", image_size=16, patch=4, dim=16, depth=2)),
    "autoencoder": autoencoder,
    "siren": implicit,
    "transformer": characters,
    "rnn": lambda: classifying("rnn", "mnist", 28, 16, RowReader()),
}
"""Every race by name."""
