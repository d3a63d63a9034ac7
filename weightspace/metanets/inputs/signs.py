"""What of a batch flips with the signs of neurons, and what is sent along its edges."""

from functools import lru_cache

import torch
from torch import Tensor

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges
from weightspace.metanets.inputs.parity import Parity, parity


class Signs:
    """The parities of a frame, to multiply with; see `Parity`."""

    def __init__(self, frame: DenseFrame, exact: bool):
        self.frame, self.found = frame, [parity(topo, exact) for topo in frame.topologies]
        self.signed = self._nodes("signed")
        self.odd, self.even = self._nodes("odd"), self._nodes("even")
        self.any = any(bool(own.signed.any()) for own in self.found)

    def _nodes(self, key: str) -> Tensor:
        return self.frame.at_nodes([_table(own, key, self.frame.x.device, self.frame.x.dtype) for own in self.found])

    def edges(self, key: str, edges: Edges) -> Tensor:
        """One of ``source``, ``target``, ``flips`` for a group of edges, ``[nets or 1, 1, 1, 1]``."""
        tables = [_table(own, key, self.frame.x.device, self.frame.x.dtype) for own in self.found]
        found = self.frame.at_edges(tables, edges)
        return found if found.ndim == 4 else found[None]

    def invariant(self, x: Tensor) -> Tensor:
        """Odd features as they are where a node has no sign, else without their signs."""
        return torch.where(self.signed > 0, x.abs(), x) if self.any else x


class EdgeValues:
    """The scaled features of a group of edges, ready for all layers.

    Attributes:
        odd: ``[nets, columns, targets * sources]``. even: their absolute values, and themselves where they don't flip.
        source, target: see `Parity`, ``[nets or 1, 1, 1, 1]``; partial: whether any of them is zero. link: a link.
    """

    def __init__(self, frame: DenseFrame, signs: Signs, edges: Edges, values: Tensor):
        self.edges, self.shape = edges, tuple(values.shape[1:3])
        self.link = edges.number >= len(frame.topologies[0].blocks)
        self.source, self.target = signs.edges("source", edges), signs.edges("target", edges)
        self.partial = signs.any and bool(((self.source * self.target) < 1).any())
        self.odd = values.flatten(1, 2).transpose(1, 2).contiguous()
        still = 1 - signs.edges("flips", edges)[:, 0]
        self.even = torch.cat([self.odd.abs(), self.odd * still], 1)

    def masked(self, linear: Tensor, mask: Tensor) -> Tensor:
        """Zero where the mask is."""
        return linear * mask if self.partial else linear


@lru_cache(maxsize=1024)
def _table(own: Parity, key: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """One of the tables of a parity, where the batch is."""
    return getattr(own, key).to(device, dtype)
