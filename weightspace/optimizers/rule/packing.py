"""Many tensors as one flat row, so that a step is a few operations whatever the number of tensors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Packing:
    """Where each of some tensors lies in a flat row, and which two of its axes have statistics of their own.

    Tensors of two axes or more are *factored*: rows and columns of their two longest axes are summed up apart, as in
    Adafactor (Shazeer and Stern 2018, section 3). All methods take rows with any leading axes.

    Args:
        shapes: of the tensors.
    """

    shapes: tuple[Shape, ...]

    @property
    def sizes(self) -> list[int]:
        """Entries of each tensor."""
        return [math.prod(shape) for shape in self.shapes]

    def pack(self, tensors: Sequence[Tensor]) -> Float[Tensor, " entries"]:
        """One row of all tensors."""
        return torch.cat([tensor.reshape(-1) for tensor in tensors])

    def shaped(self, row: Float[Tensor, "*lead entries"]) -> list[Tensor]:
        """The tensors of a row, as views ``[*lead, *shape]``."""
        parts = row.split(self.sizes, -1)
        return [part.unflatten(-1, shape or (1,)) for part, shape in zip(parts, self.shapes, strict=True)]

    def mean_squares(self, row: Float[Tensor, "*lead entries"]) -> list[Float[Tensor, "*lead 1"]]:
        """The mean square of each tensor."""
        parts = row.split(self.sizes, -1)
        return [torch.linalg.vector_norm(part, dim=-1, keepdim=True).square() / part.shape[-1] for part in parts]

    def spread(self, values: Sequence[Float[Tensor, "*lead 1"]]) -> Float[Tensor, "*lead entries"]:
        """A value for each tensor at each of its entries."""
        return torch.cat([v.expand(*v.shape[:-1], size) for v, size in zip(values, self.sizes, strict=True)], -1)

    def row_means(self, row: Float[Tensor, "*lead entries"]) -> Float[Tensor, "*lead rows"]:
        """Means over the longest axis of factored tensors; the entries of others."""
        return self._means(row, 0)

    def column_means(self, row: Float[Tensor, "*lead entries"]) -> Float[Tensor, "*lead columns"]:
        """Means over the second longest axis of factored tensors; the entries of others."""
        return self._means(row, 1)

    def along_rows(self, rows: Shaped[Tensor, "*lead rows"]) -> Shaped[Tensor, "*lead entries"]:
        """A value for each row at each of its entries."""
        return self._along(rows, 0)

    def along_columns(self, columns: Shaped[Tensor, "*lead columns"]) -> Shaped[Tensor, "*lead entries"]:
        """A value for each column at each of its entries."""
        return self._along(columns, 1)

    def over_mean(self, rows: Float[Tensor, "*lead rows"], eps: float) -> Float[Tensor, "*lead rows"]:
        """Each row's value over the mean of the rows beside it; ones for tensors that aren't factored."""
        found = []
        for shape, part in zip(self.shapes, rows.split(self._lengths(0), -1), strict=True):
            axes = factored_axes(shape)
            if axes is None:
                found.append(torch.ones_like(part))
                continue
            longest, second = axes
            values = part.unflatten(-1, shape[:longest] + shape[longest + 1 :])
            beside = second - (second > longest) - (len(shape) - 1)
            found.append((values / (values.mean(beside, keepdim=True) + eps)).flatten(1 - len(shape)))
        return torch.cat(found, -1)

    def _means(self, row: Tensor, which: int) -> Tensor:
        found = []
        for shape, part in zip(self.shapes, self.shaped(row), strict=True):
            axes = factored_axes(shape)
            found.append(part.flatten(-len(shape or (1,))) if axes is None else
                         part.mean(axes[which] - len(shape)).flatten(1 - len(shape)))  # fmt: skip
        return torch.cat(found, -1)

    def _along(self, values: Tensor, which: int) -> Tensor:
        found = []
        for shape, part in zip(self.shapes, values.split(self._lengths(which), -1), strict=True):
            axes = factored_axes(shape)
            if axes is not None:
                axis = axes[which]
                part = part.unflatten(-1, shape[:axis] + shape[axis + 1 :]).unsqueeze(axis - len(shape))
                part = part.expand(*part.shape[: -len(shape)], *shape).flatten(-len(shape))
            found.append(part)
        return torch.cat(found, -1)

    def _lengths(self, which: int) -> list[int]:
        axes = [factored_axes(shape) for shape in self.shapes]
        return [
            size if own is None else size // shape[own[which]]
            for shape, size, own in zip(self.shapes, self.sizes, axes, strict=True)
        ]

    @property
    def rows(self) -> int:
        """Values that `row_means` gives."""
        return sum(self._lengths(0))

    @property
    def columns(self) -> int:
        """Values that `column_means` gives."""
        return sum(self._lengths(1))


def factored_axes(shape: Shape) -> tuple[int, int] | None:
    """The longest axis of a shape and the second longest, the later one first among equals; None below two axes."""
    if len(shape) < 2:
        return None
    order = sorted(range(len(shape)), key=lambda axis: (shape[axis], axis))
    return order[-1], order[-2]
