"""The entries of a block of a graph: where they lie in their tensor, in regular steps, so that no index is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from jaxtyping import Int, Shaped
from torch import Tensor

from weightspace.graphs.structure.pieces import Piece, places


@dataclass(frozen=True)
class Entries:
    """Entries of a flattened tensor as an array of another shape.

    Attributes:
        sizes, strides, offset: entry ``(i, j, ...)`` lies at ``offset + i * strides[0] + ...``; a stride of 0 repeats.
        shape: of the array; its entries come in the order of ``sizes``, the last varies fastest.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, piece: Piece, order: Sequence[int], shape: Sequence[int]) -> "Entries":
        """The entries of a piece with its atoms in another order."""
        sizes, strides = (tuple(values[place] for place in order) for values in (piece.sizes, piece.strides))
        return cls(sizes, strides, piece.offset, tuple(shape))

    @property
    def numel(self) -> int:
        """Number of entries, repeated ones counted."""
        return prod(self.shape)

    @cached_property
    def run(self) -> bool:
        """Whether the entries lie one after the other, so that the tensor can be viewed as them."""
        step = 1
        for size, stride in zip(self.sizes[::-1], self.strides[::-1], strict=True):
            if size > 1 and stride != step:
                return False
            step *= size
        return True

    @cached_property
    def index(self) -> Int[Tensor, "..."]:
        """The place of every entry in the flattened tensor."""
        return places(self.sizes, self.strides, self.offset).reshape(self.shape)

    def read(self, flat: Shaped[Tensor, "nets numel"]) -> Shaped[Tensor, "nets ..."]:
        """The array, a view where that can be."""
        if self.run:
            return flat[:, self.offset : self.offset + self.numel].reshape(len(flat), *self.shape)
        return self._steps(flat, self.sizes).reshape(len(flat), *self.shape)

    def write(self, flat: Shaped[Tensor, "nets numel"], values: Shaped[Tensor, "nets ..."]) -> None:
        """Put an array where it was read; of entries that repeat the first counts."""
        values = values.reshape(len(flat), *self.sizes)
        for dim, stride in enumerate(self.strides, 1):
            values = values.narrow(dim, 0, min(1, values.shape[dim])) if stride == 0 else values
        self._steps(flat, values.shape[1:]).copy_(values)

    def _steps(self, flat: Tensor, sizes: Sequence[int]) -> Tensor:
        flat = flat.contiguous()
        strides = (flat.stride(0), *self.strides)
        return flat.as_strided((len(flat), *sizes), strides, flat.storage_offset() + self.offset)
