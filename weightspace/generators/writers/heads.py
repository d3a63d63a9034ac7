"""What a hypernetwork adds to weights: a head for every small tensor, and one that large tensors share."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOST_CHUNK = 4096
"""Entries that one head writes; larger tensors are written in chunks of this size by a head that they share."""


class HeadWriter(nn.Module):
    """Changes of weights from encoded hyper-inputs: a perceptron, then a linear head for each tensor.

    Tensors over `MOST_CHUNK` entries are written in chunks by one shared head, with an embedding for each chunk.

    Args:
        shapes: of the tensors by name.
        features: of the encoded inputs.
        width: of the two hidden layers.
        chunk: width of the chunks' embeddings.

    Shapes:
        in: ``[n, features]``; out: ``[n, *shape]`` by name.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], features: int, width: int, chunk: int):
        super().__init__()
        self.shapes = dict(shapes)
        self.body = body(features, width)
        sizes = {key_of(name): math.prod(shape) for name, shape in shapes.items()}
        small = {key: size for key, size in sizes.items() if size <= MOST_CHUNK}
        self.heads = nn.ModuleDict({key: quiet(nn.Linear(width, size)) for key, size in small.items()})
        counts = {key: math.ceil(size / MOST_CHUNK) for key, size in sizes.items() if key not in small}
        self.chunks = nn.ParameterDict({key: nn.Parameter(torch.randn(n, chunk)) for key, n in counts.items()})
        self.shared = quiet(nn.Linear(width * chunk, MOST_CHUNK)) if counts else None

    def forward(self, encoded: Float[Tensor, "n features"]) -> dict[str, Tensor]:
        h = self.body(encoded)
        found = {}
        for name, shape in self.shapes.items():
            key = key_of(name)
            change = self.heads[key](h) if key in self.heads else self._in_chunks(h, key, math.prod(shape))
            found[name] = change.view(len(h), *shape)
        return found

    def _in_chunks(self, h: Float[Tensor, "n width"], key: str, entries: int) -> Float[Tensor, "n entries"]:
        assert self.shared is not None
        outer = (h[:, None, :, None] * self.chunks[key][None, :, None, :]).flatten(2) / self.chunks[key].shape[1] ** 0.5
        return self.shared(outer).flatten(1)[:, :entries]


def body(features: int, width: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(features, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU())


def quiet(linear: nn.Linear) -> nn.Linear:
    """A head that changes weights by a hundredth of their usual size at first."""
    with torch.no_grad():
        linear.weight.mul_(0.01)
        linear.bias.zero_()
    return linear


def key_of(name: str) -> str:
    """A parameter's name as a key that modules may have."""
    return name.replace(".", "/")
