"""Attention along the edges of a net's graph, and back."""

import torch
from torch import Tensor, nn

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Edges, Frame


class RelationalAttention(nn.Module):
    r"""Attention of every neuron to those that it is joined to, keys and values modulated by the edge, one way.

    $a_{ij} \propto \exp\big(q_i \cdot (k_j + K e_{ij}) / \sqrt d\big)$,
    $o_i = \sum_j a_{ij} \big((S e_{ij}) \odot v_j + T e_{ij}\big)$. What is linear in the edge is moved to the nodes:
    $q_i \cdot K e_{ij} = (K^\top q_i) \cdot e_{ij}$ and $\sum_j a_{ij} T e_{ij} = T \sum_j a_{ij} e_{ij}$, so one
    matrix, S, is applied to edges. Kofinas et al. 2024, "Graph neural networks for learning equivariant
    representations of neural networks", section 4.2; after Diao and Loynd 2023, "Relational attention".

    Args:
        width: features of nodes and edges.
        heads: parts that attend by themselves.
        forward: whether messages go to the targets of the edges, or back to their sources.

    Shapes:
        nodes ``[..., width]`` and, for each group of edges, ``[..., width]`` in; nodes ``[..., width]`` out.
    """

    def __init__(self, width: int, heads: int, forward: bool):
        super().__init__()
        self.heads, self.width, self.way = heads, width, forward
        self.nodes, self.scale = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.ones_(self.scale.bias)  # at first edges modulate little
        self.key = nn.Parameter(torch.randn(heads, width // heads, width) * width**-0.5)
        self.shift = nn.Parameter(torch.randn(heads, width // heads, width) * width**-0.5)

    def forward(self, frame: Frame, normed: Tensor, edges: list[Tensor]) -> Tensor:
        """What every node gathers, from its normed features and those of the edges."""
        query, key, value = self.nodes(normed).split(self.width, -1)
        query, key = (part.unflatten(-1, (self.heads, -1)) for part in (query, key))
        query = query * (self.width / self.heads) ** -0.5
        chances = self._chances(frame, query, key, edges)
        gather = frame.to_targets if self.way else frame.to_sources
        taken, blended = [], []
        for group, edge, chance in zip(frame.edges, edges, chances, strict=True):
            sent = frame.sources(value, group) if self.way else frame.targets(value, group)
            heads = (self.scale(edge) * sent).unflatten(-1, (self.heads, -1))
            taken.append((heads * chance[..., None]).flatten(-2))
            blended.append(blend(frame, group, chance, edge, self.way))
        shift = torch.einsum("...hc,hdc->...hd", gather(blended).unflatten(-1, (self.heads, -1)), self.shift)
        return gather(taken) + shift.flatten(-2)

    def _chances(self, frame: Frame, query: Tensor, key: Tensor, edges: list[Tensor]) -> list[Tensor]:
        """Attention ``[..., heads]`` of each edge; over all edges of a receiver it adds up to one."""
        projected = torch.einsum("...hd,hdc->...hc", query, self.key)
        target, source = (query, key) if self.way else (key, query)
        receivers, gather = (frame.targets, frame.to_targets) if self.way else (frame.sources, frame.to_sources)
        found = [
            scores(frame, group, target, source) + edge_scores(frame, group, edge, projected, self.way)
            for group, edge in zip(frame.edges, edges, strict=True)
        ]
        highest = gather([score.detach() for score in found], "max")
        raised = [torch.exp(score - receivers(highest, group)) for group, score in zip(frame.edges, found, strict=True)]
        total = gather(raised).clamp(min=1e-12)
        return [share / receivers(total, group) for group, share in zip(frame.edges, raised, strict=True)]


def scores(frame: Frame, edges: Edges, target: Tensor, source: Tensor) -> Tensor:
    """Products ``[..., heads]`` of ``[nodes, heads, size]`` at the target and the source of each edge of a group."""
    if not isinstance(frame, DenseFrame) or frame.paired(edges):
        return (frame.targets(target, edges) * frame.sources(source, edges)).sum(-1)
    ends, starts = frame.targets(target, edges)[:, :, 0], frame.sources(source, edges)[:, 0]
    return torch.einsum("bthd,bshd->btsh", ends, starts)


def edge_scores(frame: Frame, edges: Edges, features: Tensor, h: Tensor, forward: bool) -> Tensor:
    """Products ``[..., heads]`` of edges ``[..., width]`` and ``[nodes, heads, width]`` at the target (or source)."""
    ends = frame.targets(h, edges) if forward else frame.sources(h, edges)
    if not isinstance(frame, DenseFrame):
        return torch.einsum("ec,ehc->eh", features, ends)
    if forward:
        return torch.einsum("btsc,bthc->btsh", features, ends[:, :, 0])
    if frame.paired(edges):
        return torch.einsum("btsc,btshc->btsh", features, ends)
    return torch.einsum("btsc,bshc->btsh", features, ends[:, 0])


def blend(frame: Frame, edges: Edges, shares: Tensor, features: Tensor, forward: bool) -> Tensor:
    """Messages ``[..., heads * width]``, each edge's features times each head's share; of a block, added up already."""
    if not isinstance(frame, DenseFrame):
        return torch.einsum("eh,ec->ehc", shares, features).flatten(1)
    if forward:
        return torch.einsum("btsh,btsc->bthc", shares, features).flatten(2)[:, :, None]
    if frame.paired(edges):
        return torch.einsum("btsh,btsc->btshc", shares, features).flatten(3)
    return torch.einsum("btsh,btsc->bshc", shares, features).flatten(2)[:, None]
