"""All of a graph that the weight space alone decides, made once for each weight space."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from weightspace.graphs.structure.blocks import EdgeBlock, VectorBlock, edge_blocks, is_edges, is_vector, site_starts
from weightspace.graphs.structure.blocks import vector_blocks as all_vector_blocks
from weightspace.graphs.structure.features import edge_features, fan_ins, positions, site_features
from weightspace.graphs.structure.layout import Layout
from weightspace.graphs.structure.pieces import Piece, axis_pieces
from weightspace.space import Atom, Link, WeightSpace


@dataclass(frozen=True, eq=False)
class Topology:
    """The part of a graph that doesn't depend on weights.

    Attributes:
        space: the weight space.
        layout: the columns of ``x`` and ``edge_attr``.
        starts: the first node of each site, and the number of nodes.
        node_type: ``[nodes]``, number of the site.
        blocks: the edges of each tensor.
        vectors: the tensors on nodes.
        links: for each link the edges ``[2, pairs]`` between its sites.
        floats, integers: names of the tensors that are neither, kept at graph level in ``other``, ``other_int``.
        site_features: ``[sites, features]``, see `SITE_FEATURES`.
        edge_features: ``[blocks + links, features]``, see `EDGE_FEATURES`.
        positions: ``[nodes, features]``, zero for neurons that can be permuted.
    """

    space: WeightSpace
    layout: Layout
    starts: tuple[int, ...]
    node_type: Tensor
    blocks: tuple[EdgeBlock, ...]
    vectors: tuple[VectorBlock, ...]
    links: tuple[Tensor, ...]
    floats: tuple[str, ...]
    integers: tuple[str, ...]
    site_features: Tensor
    edge_features: Tensor
    positions: Tensor

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.starts[-1]

    @property
    def edges(self) -> int:
        """Number of edges, links included."""
        return sum(block.edges for block in self.blocks) + sum(pairs.shape[1] for pairs in self.links)

    @cached_property
    def edge_index(self) -> Tensor:
        """``[2, edges]``, source and target; the edges of the tensors, block by block, then the links."""
        pairs = [torch.stack([block.sources.flatten(), _repeat_targets(block)]) for block in self.blocks]
        return torch.cat([torch.zeros(2, 0, dtype=torch.long), *pairs, *self.links], 1)

    @cached_property
    def edge_type(self) -> Tensor:
        """``[edges]``, number of the block, and after the blocks of the link."""
        return _counted([block.edges for block in self.blocks] + [pairs.shape[1] for pairs in self.links])

    def site(self, number: int) -> slice:
        """The nodes of a site."""
        return slice(self.starts[number], self.starts[number + 1])


@lru_cache(maxsize=128)
def topology(space: WeightSpace, layout: Layout | None = None) -> Topology:
    """The topology of a weight space, cached.

    Args:
        space: the weight space.
        layout: the columns; left out, the narrowest that this space needs.
    """
    if layout is None:
        return topology(space, Layout.of(space))
    blocks, starts = edge_blocks(space), site_starts(space)
    placed = [name for name, spec in space.tensors.items() if is_edges(spec) or is_vector(spec)]
    rest = [name for name in sorted(space.tensors) if name not in placed]
    integers = tuple(name for name in rest if _is_integer(space.tensors[name].dtype))
    return Topology(
        space=space,
        layout=layout,
        starts=tuple(starts),
        node_type=_counted([site.axis.size for site in space.sites]),
        blocks=blocks,
        vectors=all_vector_blocks(space),
        links=tuple(_link_edges(space, link, starts) for link in space.links),
        floats=tuple(name for name in rest if name not in integers),
        integers=integers,
        site_features=site_features(space, fan_ins(space, blocks)),
        edge_features=edge_features(space, blocks),
        positions=torch.cat([torch.zeros(0, 16), *(positions(space, site) for site in space.sites)]),
    )


def _repeat_targets(block: EdgeBlock) -> Tensor:
    return block.targets[:, None].expand(block.sources.shape).flatten()


def _counted(sizes: list[int]) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes, dtype=torch.long))


def _is_integer(dtype: str) -> bool:
    return dtype.startswith(("int", "uint", "bool"))


def _link_edges(space: WeightSpace, link: Link, starts: list[int]) -> Tensor:
    """Join the nodes of two sites that agree on every name that both bear; equal axes are joined one to one."""
    source, target = space.sites[link.source].axis, space.sites[link.target].axis
    offset = torch.tensor([[starts[link.source]], [starts[link.target]]])
    if source == target:
        return torch.arange(source.size).expand(2, -1) + offset
    found = []
    for one in axis_pieces(source):
        for other in axis_pieces(target):
            found.append(_agreeing(one, other))
    return torch.cat(found, 1) + offset


def _agreeing(one: Piece, other: Piece) -> Tensor:
    """Pairs of entries that have one place along every name that both pieces bear, in the order of the first."""
    shared = list(dict.fromkeys(atom for atom in one.atoms if atom.name and atom in other.atoms))
    if not shared:
        return torch.zeros(2, 0, dtype=torch.long)
    (left, keys), (right, others) = (_keyed(piece, shared) for piece in (one, other))
    order = others.argsort(stable=True)
    first, last = (torch.searchsorted(others[order], keys, right=side) for side in (False, True))
    counts = last - first
    within = torch.arange(int(counts.sum())) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    return torch.stack([left.repeat_interleave(counts), right[order[first.repeat_interleave(counts) + within]]])


def _keyed(piece: Piece, shared: list[Atom]) -> tuple[Tensor, Tensor]:
    """The entries of a piece, and a number for each that tells its place along all shared names.

    Of a name that stands twice in the piece only entries with one place count.
    """
    index, keys = piece.index.flatten(), torch.zeros(piece.index.numel(), dtype=torch.long)
    agree = torch.ones(index.numel(), dtype=torch.bool)
    for atom in shared:
        dims = [dim for dim, own in enumerate(piece.atoms) if own == atom]
        places = [_coordinate(piece.index, dim) for dim in dims]
        keys = keys * atom.size + places[0]
        for place in places[1:]:
            agree &= place == places[0]
    return index[agree], keys[agree]


def _coordinate(index: Tensor, dim: int) -> Tensor:
    shape = [-1 if place == dim else 1 for place in range(index.dim())]
    return torch.arange(index.shape[dim]).reshape(shape).expand(index.shape).flatten()
