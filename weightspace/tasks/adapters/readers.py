"""Small networks that read adapters: flat numbers, tokens of singular vectors, and one that is exactly invariant."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.metanets.layers.ensemble import EnsembleMLP


class Standardised(nn.Module):
    """Inputs brought to mean 0 and spread 1 by what training cases have, entry by entry."""

    mean: Tensor
    spread: Tensor

    def __init__(self, known: Float[Tensor, "nets *entries"]):
        super().__init__()
        self.register_buffer("mean", known.mean(0))
        self.register_buffer("spread", known.std(0).clamp(min=1e-6))

    def forward(self, x: Float[Tensor, "nets *entries"]) -> Float[Tensor, "nets *entries"]:
        return ((x - self.mean) / self.spread).clamp(-10, 10)


class FlatReader(nn.Module):
    """An ensemble of perceptrons on flat, standardised numbers.

    Args:
        known: what training nets have. width, members: of the perceptrons. layers: hidden ones, 0 for a linear map.
    """

    def __init__(
        self, known: Tensor, outputs: int, width: int = 64, members: int = 4, layers: int = 2, dropout: float = 0.1
    ):
        super().__init__()
        self.standardised = Standardised(known)
        self.ensemble = EnsembleMLP(known[0].numel(), width, outputs, members, layers, dropout)

    def forward(self, x: Float[Tensor, "nets *entries"]) -> Float[Tensor, "members nets outputs"]:
        return self.ensemble(self.standardised(x).flatten(1))


class TokenReader(nn.Module):
    """A transformer on tokens: a pair of canonical singular vectors of a layer, and one token of lengths.

    Args:
        known: canonical factors of training nets, ``[nets, rank + 1, width]``. sizes: in and out of each layer.
    """

    def __init__(self, known: Tensor, outputs: int, sizes: Sequence[int], width: int = 32, depth: int = 2):
        super().__init__()
        self.sizes, (ranks, whole) = tuple(sizes), known.shape[1:]
        pairs = [sum(self.sizes[at : at + 2]) for at in range(0, len(self.sizes), 2)]
        self.pairs = tuple(pairs)
        self.size = known[:, :-1].square().mean().sqrt().clamp(min=1e-6).item()
        self.inputs = nn.ModuleList(nn.Linear(pair, width) for pair in pairs)
        self.lengths = nn.Linear(whole, width)
        self.places = nn.Parameter(0.02 * torch.randn(len(pairs) * (ranks - 1) + 1, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.out = EnsembleMLP(width, 2 * width, outputs, 1, 1)

    def forward(self, x: Float[Tensor, "nets ranks width"]) -> Float[Tensor, "one nets outputs"]:
        parts = (x[:, :-1] / self.size).split(self.pairs, 2)
        tokens = [read(part) for read, part in zip(self.inputs, parts, strict=True)]
        tokens = torch.cat([*tokens, self.lengths(10 * x[:, -1:])], 1)
        return self.out(self.body(tokens + self.places).mean(1))


class GLNet(nn.Module):
    """Exactly invariant to what multiplies ``B`` by an invertible matrix and ``A`` by its inverse.

    Linear maps act on the outer axes of both factors, which moves as they move; the products of what comes out don't
    move at all, and a perceptron reads them. After Putterman et al. 2024, "Learning on LoRAs", sections 4.2 and 4.4.

    Args:
        known: raw factors of training nets. sizes: in and out of each layer. width: what the outer axes are mapped to.
    """

    def __init__(self, known: Tensor, outputs: int, sizes: Sequence[int], width: int = 16, hidden: int = 128):
        super().__init__()
        self.sizes = tuple(sizes)
        self.maps = nn.ModuleList(nn.Linear(size, width, bias=False) for size in self.sizes)
        self.lengths = Standardised(known[:, -1])
        with torch.no_grad():
            products = self._products(known)
        self.standardised = Standardised(products)
        self.out = EnsembleMLP(products.shape[1] + known.shape[2], hidden, outputs, 2, 2, 0.1)

    def _products(self, x: Tensor) -> Float[Tensor, "nets products"]:
        parts = x[:, :-1].split(self.sizes, 2)
        mapped = [read(part) for read, part in zip(self.maps, parts, strict=True)]
        return torch.cat([(mapped[k + 1].mT @ mapped[k]).flatten(1) for k in range(0, len(mapped), 2)], 1)

    def forward(self, x: Float[Tensor, "nets ranks width"]) -> Float[Tensor, "members nets outputs"]:
        return self.out(torch.cat([self.standardised(self._products(x)), self.lengths(x[:, -1])], 1))
