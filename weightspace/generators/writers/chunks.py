"""What a hypernetwork adds to weights: all of them cut into equal chunks that one small net writes."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.generators.writers.heads import body, quiet


class ChunkWriter(nn.Module):
    r"""Changes of weights from encoded hyper-inputs: one net writes chunk after chunk of all weights in their order.

    $\Delta_c(z) = W h_c(z)$ with $h_c = f(z, e_c)$, $e_c$ an embedding of the chunk. It can be smaller than the weights
    that it writes: von Oswald et al. 2020, "Continual learning with hypernetworks", section 2.2.

    With ``chained`` the net is recurrent, $h_c = \mathrm{GRU}(h_{c-1}; z, e_c)$, so that what is written for a layer
    depends on what was written for those before it: Chandra et al. 2022, "Continual learning with dependency
    preserving hypernetworks".

    Args:
        shapes: of the tensors by name.
        features: of the encoded inputs.
        width: of hidden layers, or of the recurrent state.
        chunk: width of the chunks' embeddings.
        entries: of a chunk.
        chained: whether a chunk depends on those before it.

    Shapes:
        in: ``[n, features]``; out: ``[n, *shape]`` by name.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        features: int,
        width: int,
        chunk: int,
        entries: int,
        chained: bool = False,
    ):
        super().__init__()
        if entries < 1:
            raise ValueError(f"Chunks must have one entry at least, got {entries}.")
        self.shapes = dict(shapes)
        self.sizes = [math.prod(shape) for shape in shapes.values()]
        self.embedding = nn.Parameter(torch.randn(math.ceil(sum(self.sizes) / entries), chunk))
        self.body = nn.GRU(features + chunk, width, batch_first=True) if chained else body(features + chunk, width)
        self.head = quiet(nn.Linear(width, entries))

    def forward(self, encoded: Float[Tensor, "n features"]) -> dict[str, Tensor]:
        n, chunks = len(encoded), len(self.embedding)
        pairs = torch.cat([encoded[:, None].expand(-1, chunks, -1), self.embedding.expand(n, -1, -1)], -1)
        h = self.body(pairs)
        written = self.head(h[0] if isinstance(h, tuple) else h).flatten(1)[:, : sum(self.sizes)]
        parts = written.split(self.sizes, 1)
        return {name: part.view(n, *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}
