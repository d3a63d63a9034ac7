"""The graph of one net, as PyTorch Geometric holds it."""

from typing import Any

from torch import Tensor
from torch_geometric.data import Batch, Data


class WeightGraph(Data):
    """The `Data` that `to_graph` gives; it prints in one line, without its weight space spelled out.

    Batches of such graphs print the same way, and compute no edge list for it.
    """

    def __repr__(self) -> str:
        mapping = self._store._mapping
        tensors = {key: dict.get(mapping, key) for key in mapping}
        shapes = [f"{key}={list(value.shape)}" for key, value in tensors.items() if isinstance(value, Tensor)]
        return f"{type(self).__name__}({', '.join([self._head(tensors), *shapes])})"

    def _head(self, values: dict[str, Any]) -> str:
        spaces = values.get("space")
        if isinstance(self, Batch):
            known = sorted({space.hash for space in spaces or ()})
            told = known[0] if len(known) == 1 else f"{len(known)} spaces"
            return f"{self.num_graphs} graphs of {told}"
        return "no space" if spaces is None else f"space {spaces.hash}"
