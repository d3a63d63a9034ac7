"""How wide the feature columns of a graph are, and which column means what."""

from dataclasses import dataclass
from math import prod

from weightspace.graphs.structure.blocks import edge_blocks, vector_blocks
from weightspace.space import WeightSpace

NODE_SLOTS = ("bias", "scale", "shift", "mean", "var", "other")
"""The slots of a node's features, in order: what the vectors on its site are for."""


@dataclass(frozen=True)
class Layout:
    """The columns of ``x`` and ``edge_attr``, the same for all graphs of a batch.

    Kernels of different sizes share columns by their centres: with ``kernel=(5, 5)`` a 3x3 kernel fills the nine
    columns in the middle, a 1x1 kernel or a linear weight the one at the centre; the rest is zero. Features of other
    fixed axes (the 49 positions of a flatten) fill the columns from the first.

    Args:
        edge: columns of ``edge_attr``.
        kernel: height and width of the largest kernel.
        slots: columns of ``x`` for each of `NODE_SLOTS`.
    """

    edge: int = 1
    kernel: tuple[int, int] = (1, 1)
    slots: tuple[int, ...] = (1, 1, 1, 1, 1, 0)

    @classmethod
    def of(cls, *spaces: WeightSpace) -> "Layout":
        """The narrowest layout that holds graphs of all these spaces."""
        kernel, edge, slots = [1, 1], 1, [1, 1, 1, 1, 1, 0]
        for space in spaces:
            for block in edge_blocks(space):
                edge = max(edge, block.width)
                kernel = [max(pair) for pair in zip(kernel, block.kernel or (1, 1), strict=True)]
            for vector in vector_blocks(space):
                place = NODE_SLOTS.index(vector.slot)
                slots[place] = max(slots[place], vector.column + vector.width)
        return cls(max(edge, prod(kernel)), (kernel[0], kernel[1]), tuple(slots))

    @property
    def node(self) -> int:
        """Columns of ``x``."""
        return sum(self.slots)

    def slot(self, name: str) -> int:
        """The first column of a slot."""
        return sum(self.slots[: NODE_SLOTS.index(name)])

    def edge_columns(self, width: int, kernel: tuple[int, int] | None) -> tuple[int, ...]:
        """The columns of an edge with so many features."""
        if width > 1 and kernel is None:
            return tuple(range(width))
        rows, columns = kernel or (1, 1)
        top, left = (self.kernel[0] - rows) // 2, (self.kernel[1] - columns) // 2
        return tuple((top + row) * self.kernel[1] + left + column for row in range(rows) for column in range(columns))
