"""A zoo as a dataset of graphs, for PyTorch Geometric's loaders and transforms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

from weightspace.graphs.convert import to_graph
from weightspace.graphs.layout import Layout
from weightspace.space import WeightSpace


@runtime_checkable
class Nets(Protocol):
    """What `GraphDataset` needs of a zoo: its length, one net with its row of the index, and its weight spaces."""

    spaces: Mapping[str, WeightSpace]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]: ...


class GraphDataset(Dataset):
    """The nets of a zoo as graphs, made when they are asked for; architectures may be mixed.

    All graphs have one layout, so any of them can go into one batch. For zoos of one architecture,
    ``to_graph(space, zoo.weights())`` and `take` are much faster.

    Args:
        zoo: a zoo, or a filtered part or a split of one.
        labels: columns of its index that become ``y`` ``[1, labels]``.
        layout: that of a metanet (``metanet.layout``), or None for the narrowest that holds all spaces of the zoo.
        transform: as for any dataset of PyTorch Geometric.

    Raises:
        ValueError: a label is no column of the index.

    Example::

        train = GraphDataset(zoo.split("train"), labels=["test_accuracy"])
        for batch in torch_geometric.loader.DataLoader(train, batch_size=32, shuffle=True):
            loss = (metanet(batch) - batch.y).square().mean()
    """

    def __init__(
        self,
        zoo: Nets,
        labels: Sequence[str] = (),
        layout: Layout | None = None,
        transform: Callable[[Data], Data] | None = None,
    ):
        super().__init__(None, transform)
        self.zoo, self.labels = zoo, tuple(labels)
        self.layout = layout or Layout.of(*zoo.spaces.values())

    def len(self) -> int:
        """Number of nets."""
        return len(self.zoo)

    def get(self, idx: int) -> Data:
        """The graph of one net."""
        weights, row = self.zoo[idx]
        space = self.zoo.spaces[row["space"]] if "space" in row else next(iter(self.zoo.spaces.values()))
        graph = to_graph(space, weights, self.layout)
        unknown = [label for label in self.labels if label not in row]
        if unknown:
            raise ValueError(f"Labels must be columns of the index; {unknown} aren't, known are {', '.join(row)}.")
        if self.labels:
            graph.y = torch.tensor([[float(row[label]) for label in self.labels]], dtype=graph.x.dtype)
        return graph
