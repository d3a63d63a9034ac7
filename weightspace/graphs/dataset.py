"""A zoo as a dataset of graphs, for PyTorch Geometric's loaders and transforms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Batch, Data, Dataset

from weightspace.graphs.batch import single_graph
from weightspace.graphs.convert import to_graph
from weightspace.graphs.rows import edge_values
from weightspace.graphs.structure.layout import Layout
from weightspace.graphs.structure.topology import topology
from weightspace.space import WeightSpace


@runtime_checkable
class Nets(Protocol):
    """What `GraphDataset` needs of a zoo: its index as a pyarrow table, its weight spaces, and stacks of weights."""

    @property
    def table(self) -> Any: ...

    @property
    def spaces(self) -> Mapping[str, WeightSpace]: ...

    def __len__(self) -> int: ...

    def weights(self, rows: Sequence[int]) -> dict[str, Tensor]: ...


class GraphDataset(Dataset):
    """The nets of a zoo as graphs, made when they are asked for; architectures may be mixed.

    All graphs have one layout, so any of them can go into one batch. A loader reads the nets of a batch together, one
    gather for each architecture. For zoos of one architecture, ``to_graph(space, zoo.weights())`` and `take` are much
    faster still.

    Args:
        zoo: a zoo, or a filtered part or a split of one.
        labels: columns of its index that become ``y`` ``[1, labels]``.
        layout: that of a metanet (``metanet.layout``), or None for the narrowest that holds all spaces of the zoo.
        transform: as for any dataset of PyTorch Geometric.

    Attributes:
        spaces: the weight spaces of the zoo, by their names in its index.
        targets: the labels of all nets of the zoo, ``[nets, labels]``.

    Raises:
        ValueError: a label is no column of the index, or not a number for some net; the layout is too narrow.

    Example::

        train = GraphDataset(zoo.split("train"), labels=["test_accuracy"])
        metanet = SpaceNet.for_spaces(*train.spaces.values()).fit_statistics(train.training_stacks())
        for batch in torch_geometric.loader.DataLoader(train, batch_size=32, shuffle=True, num_workers=2):
            loss = (metanet(batch) - batch.y).square().mean()
    """

    def __init__(
        self,
        zoo: Nets,
        labels: Sequence[str] = (),
        layout: Layout | None = None,
        transform: Callable[[Any], Any] | None = None,
    ):
        super().__init__(None, transform)
        self.zoo, self.labels = zoo, tuple(labels)
        self.spaces = dict(zoo.spaces)
        self.layout = layout or Layout.of(*self.spaces.values())
        _check_width(self.layout, Layout.of(*self.spaces.values()))
        self.targets = _read_labels(zoo, self.labels)
        self._names: list[str] = zoo.table["space"].to_pylist()

    def len(self) -> int:
        """Number of nets."""
        return len(self._names)

    def get(self, idx: int) -> Data:
        """The graph of one net."""
        return self._graphs([idx])[0]

    def __getitems__(self, places: Sequence[int]) -> list[Data]:
        """The graphs of several nets, read together; loaders ask for batches in this way."""
        indices = self.indices()
        graphs = self._graphs([int(indices[place]) for place in places])
        return graphs if self.transform is None else [self.transform(graph) for graph in graphs]

    def training_stacks(self, most: int = 10_000) -> dict[WeightSpace, dict[str, Tensor]]:
        """The weights that `Metanet.fit_statistics` takes; it keeps what it learns from them with the metanet.

        Args:
            most: nets of each space; of more, these many evenly spread ones.

        Raises:
            ValueError: some net isn't in the training split, whose statistics alone a metanet may know.
        """
        if "split" in self.zoo.table.column_names:
            splits = self.zoo.table["split"].to_pylist()
            others = sorted({splits[index] for index in self.indices()} - {"train"})
            if others:
                raise ValueError(
                    f"Statistics for normalisation must come from the training split alone; this dataset has nets of "
                    f"{', '.join(map(repr, others))} too. Make one from zoo.split('train')."
                )
        found = {}
        for name, rows in self._by_space(self.indices()).items():
            step = max(1, -(-len(rows) // most))
            found[self.spaces[name]] = self.zoo.weights([row for _, row in rows[::step]])
        return found

    def _by_space(self, indices: Sequence[int]) -> dict[str, list[tuple[int, int]]]:
        """For each space the place in `indices` and the row of each of its nets."""
        groups: dict[str, list[tuple[int, int]]] = {}
        for place, row in enumerate(indices):
            groups.setdefault(self._names[row], []).append((place, row))
        return groups

    def _graphs(self, indices: Sequence[int]) -> list[Data]:
        found = {}
        for name, rows in self._by_space(indices).items():
            stack = self.zoo.weights([row for _, row in rows])
            graphs = _one_by_one(self.spaces[name], stack, self.layout)
            for (place, row), graph in zip(rows, graphs, strict=True):
                if self.labels:
                    graph.y = self.targets[row : row + 1].to(graph.x)
                found[place] = graph
        return [found[place] for place in range(len(indices))]


def _one_by_one(space: WeightSpace, stack: Mapping[str, Tensor], layout: Layout) -> list[Data]:
    """The graphs of a stack of nets, which share their structure."""
    batch, topo = to_graph(space, stack, layout), topology(space, layout)
    assert isinstance(batch, Batch), "A stack becomes a batch."
    x = batch["x"].reshape(batch.num_graphs, topo.nodes, layout.node)
    values = edge_values(batch).reshape(batch.num_graphs, -1)  # nobody has padded them yet
    other, other_int = (batch[key].reshape(batch.num_graphs, -1) for key in ("other", "other_int"))
    rows = zip(*(tensor.split(1) for tensor in (x, values, other, other_int)), strict=True)
    return [single_graph(topo, *own) for own in rows]


def _read_labels(zoo: Nets, labels: Sequence[str]) -> Float[Tensor, "nets labels"]:
    known = zoo.table.column_names
    if unknown := [label for label in labels if label not in known]:
        raise ValueError(f"Labels must be columns of the index; {unknown} aren't, known are {', '.join(known)}.")
    columns = []
    for label in labels:
        values = zoo.table[label].to_pylist()
        for row, value in enumerate(values):
            if not isinstance(value, int | float) or value != value:
                raise ValueError(
                    f"The label {label!r} must be a number for every net, but row {row} has {value!r}. Leave such nets "
                    "out, for example with zoo.filter(status='ok')."
                )
        columns.append(torch.tensor(values, dtype=torch.float64))
    return torch.stack(columns, 1) if columns else torch.zeros(len(zoo), 0, dtype=torch.float64)


def _check_width(layout: Layout, needed: Layout) -> None:
    pairs = [(layout.edge, needed.edge), *zip(layout.kernel, needed.kernel, strict=True)]
    pairs += zip(layout.slots, needed.slots, strict=True)
    if any(has < least for has, least in pairs):
        raise ValueError(
            f"The layout must hold all spaces of the zoo, which need {needed}; got {layout}. A metanet reads the "
            "architectures that for_spaces() was given."
        )
