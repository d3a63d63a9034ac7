"""Where each entry of each tensor goes in the graph: blocks of edges, and vectors on sites."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import torch
from torch import Tensor

from weightspace.graphs.pieces import Piece, axis_pieces, match, tensor_pieces
from weightspace.space import Site, TensorSpec, WeightSpace


@dataclass(frozen=True, eq=False)
class EdgeBlock:
    """The edges of one tensor, or of one term of it if its source axis is a sum: all targets have as many sources.

    Attributes:
        tensor: name of the tensor.
        entries: ``[targets, sources, width]``, the place of each feature in the flattened tensor.
        targets: ``[targets]``, the target nodes.
        sources: ``[targets, sources]``, the source nodes of each target.
        width: features an edge.
        kernel: height and width where the features are a kernel.
        start: the first of its edges in the graph.
        term: which term of the source axis it is, where that is a sum.
    """

    tensor: str
    entries: Tensor
    targets: Tensor
    sources: Tensor
    width: int
    kernel: tuple[int, int] | None
    start: int
    term: int

    @property
    def edges(self) -> int:
        """Number of edges."""
        return self.sources.numel()

    @cached_property
    def ordered(self) -> bool:
        """Whether the features lie in the tensor's own order, so that the tensor can be viewed as them."""
        return _in_order(self.entries)


@dataclass(frozen=True, eq=False)
class VectorBlock:
    """A tensor on the nodes of one site.

    Attributes:
        tensor: name of the tensor.
        entries: ``[nodes, width]``, the place of each feature in the flattened tensor.
        nodes: ``[nodes]``.
        slot: which slot of the node features.
        column: first column within the slot.
        width: features a node.
    """

    tensor: str
    entries: Tensor
    nodes: Tensor
    slot: str
    column: int
    width: int

    @cached_property
    def ordered(self) -> bool:
        """Whether the features lie in the tensor's own order, so that the tensor can be viewed as them."""
        return _in_order(self.entries)


def site_starts(space: WeightSpace) -> list[int]:
    """The first node of each site, and the number of nodes."""
    starts = [0]
    for site in space.sites:
        starts.append(starts[-1] + site.axis.size)
    return starts


@lru_cache(maxsize=128)
def edge_blocks(space: WeightSpace) -> tuple[EdgeBlock, ...]:
    """The blocks of edges of all weight tensors, by name: equal spaces have equal blocks whatever order they list."""
    starts, blocks, start = site_starts(space), [], 0
    for name, spec in sorted(space.tensors.items()):
        if not is_edges(spec):
            continue
        for piece in tensor_pieces(spec):
            blocks.append(EdgeBlock(name, *_edges(space, name, spec, piece, starts), start, piece.term))
            start += blocks[-1].edges
    return tuple(blocks)


@lru_cache(maxsize=128)
def vector_blocks(space: WeightSpace) -> tuple[VectorBlock, ...]:
    """The tensors that are features of nodes; several in one slot of a site lie side by side."""
    starts, found, used = site_starts(space), [], {}
    for name, spec in sorted(space.tensors.items()):
        if not is_vector(spec):
            continue
        slot = spec.slot if spec.slot in ("bias", "scale", "shift", "mean", "var") else "other"
        key, parts = (spec.target_site, slot), []
        for piece in tensor_pieces(spec):
            nodes, entries = _vector(space.sites[spec.target_site], name, spec, piece, starts[spec.target_site])
            parts.append(VectorBlock(name, entries, nodes, slot, used.get(key, 0), entries.shape[1]))
        used[key] = used.get(key, 0) + max(part.width for part in parts)
        found.extend(parts)
    return tuple(found)


def is_edges(spec: TensorSpec) -> bool:
    """Whether the tensor joins neurons of known sites."""
    known = spec.target_site is not None and spec.source_sites and None not in spec.source_sites
    return spec.role == "weight" and bool(known)


def is_vector(spec: TensorSpec) -> bool:
    """Whether the tensor sits on one site."""
    integer = spec.dtype.startswith(("int", "uint", "bool"))
    return not is_edges(spec) and spec.role != "other" and spec.target_site is not None and not integer


def _edges(space: WeightSpace, name: str, spec: TensorSpec, piece: Piece, starts: list[int]) -> tuple:
    number = spec.source_sites[piece.term if len(spec.source_sites) > 1 else 0]
    target, source = space.sites[spec.target_site], space.sites[number]
    target_places, target_nodes = _place(target, name, piece, spec.target, False)
    source_places, source_nodes = _place(source, name, piece, spec.source, True)
    outer = target_places + [place for place in source_places if place not in target_places]
    inner = [place for place in range(len(piece.atoms)) if place not in outer]
    sizes = [piece.index.shape[place] for place in outer]
    entries = piece.index.permute(*outer, *inner).reshape(target_nodes.numel(), -1, _numel(piece, inner))
    order = sorted(range(len(source_places)), key=lambda number: outer.index(source_places[number]))
    shape = [size if place in source_places else 1 for place, size in zip(outer, sizes, strict=True)]
    sources = source_nodes.permute(*order).reshape(shape).expand(sizes).reshape(entries.shape[:2])
    kernel_sizes = [piece.index.shape[place] for place in inner]
    kernel = (1, *kernel_sizes)[-2:] if spec.op == "conv" and len(kernel_sizes) in (1, 2) else None
    offset = starts[number]
    return entries, target_nodes.flatten() + starts[spec.target_site], sources + offset, entries.shape[2], kernel


def _vector(site: Site, name: str, spec: TensorSpec, piece: Piece, start: int) -> tuple[Tensor, Tensor]:
    nodes = _site_piece(site, piece)
    held = [atom for atom in nodes.atoms if match((atom,), piece, tuple(range(len(spec.axes))), False)]
    places = match(tuple(held), piece, tuple(range(len(spec.axes))), False)
    if places is None or not held:
        raise ValueError(_no_place(site, name, piece))
    inner = [place for place in range(len(piece.atoms)) if place not in places]
    entries = piece.index.permute(*places, *inner)
    shape = [atom.size if atom in held else 1 for atom in nodes.atoms]
    width = _numel(piece, inner)
    entries = entries.reshape(*shape, width).expand(*nodes.index.shape, width)
    return nodes.index.flatten() + start, entries.reshape(-1, width)


def _place(site: Site, name: str, piece: Piece, axes: tuple[int, ...], anywhere: bool) -> tuple[list[int], Tensor]:
    nodes = _site_piece(site, piece, axes, anywhere)
    places = match(nodes.atoms, piece, axes, anywhere)
    if places is None:
        raise ValueError(_no_place(site, name, piece))
    return places, nodes.index


def _site_piece(site: Site, piece: Piece, axes: tuple[int, ...] | None = None, anywhere: bool = False) -> Piece:
    axes = axes or tuple(piece.owners)
    found = axis_pieces(site.axis)
    fits = [nodes for nodes in found if match(nodes.atoms, piece, axes, anywhere) is not None]
    # a site may name the same neurons twice, as the gates of a recurrent cell do: each term of a tensor has its own
    term = max((piece.terms[axis] for axis in axes), default=0)
    return next((nodes for nodes in fits if nodes.term == term), fits[0] if fits else found[0])


def _in_order(entries: Tensor) -> bool:
    return bool((entries.flatten() == torch.arange(entries.numel())).all())


def _numel(piece: Piece, places: list[int]) -> int:
    return prod(piece.index.shape[place] for place in places)


def _no_place(site: Site, name: str, piece: Piece) -> str:
    axes = " ".join(map(str, piece.atoms))
    return f"The axes of {name!r} must name the neurons of its site {site.name!r}, '{site.axis}', got '{axes}'."
