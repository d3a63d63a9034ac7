"""A perceptron on the principal components of rows: no symmetry, the plain rival of equivariant flows."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Components(nn.Module):
    """Numbers for every weight, along the main directions of training nets alone.

    Args:
        entries: of a row. columns: numbers beside every entry. context: numbers of every net. components: directions.

    Attributes:
        axes: the directions, ``[components, entries]``; `fit` sets them.

    Shapes:
        in: ``[nets, entries, columns]`` and ``[nets, context]``; out: ``[nets, entries]``, zero before training.
    """

    axes: Tensor

    def __init__(self, entries: int, columns: int, context: int, width: int, layers: int, components: int):
        super().__init__()
        self.register_buffer("axes", torch.zeros(components, entries))
        self.read, self.context = nn.Linear(columns * components, width), nn.Linear(context, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
            for _ in range(layers)
        )
        self.write = nn.Linear(width, components)
        nn.init.zeros_(self.write.weight)
        nn.init.zeros_(self.write.bias)

    @torch.no_grad()
    def fit(self, rows: Float[Tensor, "nets entries"]) -> None:
        """Take the directions in which rows differ most; fewer than there are places for leave the others zero."""
        *_, axes = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
        count = min(len(axes), len(self.axes))
        self.axes[:count] = axes[:count]

    def forward(self, rows: Float[Tensor, "nets entries columns"], context: Float[Tensor, "nets context"]) -> Tensor:
        h = self.read(torch.einsum("nec,ke->nkc", rows, self.axes).flatten(1)) + self.context(context)
        for block in self.blocks:
            h = h + block(h)
        return self.write(h) @ self.axes
