"""What of a batch flips with the signs of neurons, and what is sent along its edges."""

from functools import lru_cache

import torch
from torch import Tensor

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges
from weightspace.metanets.inputs.parity import Parity, parity


class Signs:
    """The parities of a frame, to multiply with; see `Parity`.

    Attributes:
        signed, odd, even: at the nodes. any: whether any neuron flips.
        edges: of each group of edges ``source``, ``target`` and ``flips``, ``[nets or 1, 1, 1, 1]``.
        partial: of each group whether an odd message is lost at one of its ends.
    """

    def __init__(self, frame: DenseFrame, exact: bool):
        found = [parity(topo, exact) for topo in frame.topologies]
        tables = {key: [_table(own, key, frame.x.device, frame.x.dtype) for own in found] for key in _KEYS}
        self.signed, self.odd, self.even = (frame.at_nodes(tables[key]) for key in ("signed", "odd", "even"))
        self.edges = [
            {key: _wide(frame.at_edges(tables[key], edges)) for key in ("source", "target", "flips")}
            for edges in frame.edges
        ]
        flags = [own.flags for own in found]
        self.any = any(any(own.signed) for own in flags)
        ends = [[own.source[n] and own.target[n] for own in flags] for n in range(len(frame.edges))]
        self.partial = [self.any and not all(each) for each in ends]

    def invariant(self, x: Tensor) -> Tensor:
        """Odd features as they are where a node has no sign, else without their signs."""
        return torch.where(self.signed > 0, x.abs(), x) if self.any else x


_KEYS = ("signed", "odd", "even", "source", "target", "flips")


def _wide(rows: Tensor) -> Tensor:
    return rows if rows.ndim == 4 else rows[None]


class EdgeValues:
    """The scaled features of a group of edges, ready for all layers.

    Attributes:
        odd: ``[nets, columns, targets * sources]``. even: their absolute values, and themselves where they don't flip.
        source, target: see `Parity`, ``[nets or 1, 1, 1, 1]``; partial: whether any of them is zero. link: a link.
    """

    def __init__(self, frame: DenseFrame, signs: Signs, edges: Edges, values: Tensor):
        self.edges, self.shape = edges, tuple(values.shape[1:3])
        self.link = edges.number >= len(frame.topologies[0].blocks)
        own = signs.edges[edges.number]
        self.source, self.target, self.partial = own["source"], own["target"], signs.partial[edges.number]
        self.odd = values.flatten(1, 2).transpose(1, 2).contiguous()
        still = 1 - own["flips"][:, 0]
        self.even = torch.cat([self.odd.abs(), self.odd * still], 1)

    def masked(self, linear: Tensor, mask: Tensor) -> Tensor:
        """Zero where the mask is."""
        return linear * mask if self.partial else linear


@lru_cache(maxsize=1024)
def _table(own: Parity, key: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """One of the tables of a parity, where the batch is."""
    return getattr(own, key).to(device, dtype)
