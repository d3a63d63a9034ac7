"""Where each entry of each tensor goes in the graph: blocks of edges, and vectors on sites."""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from weightspace.graphs.structure.entries import Entries
from weightspace.graphs.structure.pieces import Piece, axis_pieces, match, tensor_pieces
from weightspace.space import Site, TensorSpec, WeightSpace

_NODE_SLOTS = ("bias", "scale", "shift", "mean", "var")


@dataclass(frozen=True, eq=False)
class EdgeBlock:
    """The edges of one tensor, or of one term of it if its source axis is a sum: all targets have as many sources.

    Attributes:
        tensor: name of the tensor.
        entries: of shape ``[targets, sources, width]``.
        targets: ``[targets]``, the target nodes.
        sources: ``[targets, sources]``, the source nodes of each target.
        width: features an edge.
        kernel: height and width where the features are a kernel.
        start: the first of its edges in the graph.
        term: which term of the source axis it is, where that is a sum.
    """

    tensor: str
    entries: Entries
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


@dataclass(frozen=True, eq=False)
class VectorBlock:
    """A tensor, or a part of one, on nodes of one site.

    Attributes:
        tensor: name of the tensor.
        entries: of shape ``[nodes, width]``.
        nodes: ``[nodes]``.
        slot: which slot of the node features.
        column: first column within the slot.
        width: features a node.
        axes: the axes of the tensor whose neurons' scales and signs act on it.
    """

    tensor: str
    entries: Entries
    nodes: Tensor
    slot: str
    column: int
    width: int
    axes: tuple[int, ...]


def site_starts(space: WeightSpace) -> list[int]:
    """The first node of each site, and the number of nodes."""
    starts = [0]
    for site in space.sites:
        starts.append(starts[-1] + site.axis.size)
    return starts


def edge_blocks(space: WeightSpace) -> tuple[EdgeBlock, ...]:
    """The blocks of edges of all weight tensors, by name: equal spaces have equal blocks whatever order they list."""
    return _blocks(space)[0]


def vector_blocks(space: WeightSpace) -> tuple[VectorBlock, ...]:
    """The tensors that are features of nodes; several in one slot of a site lie side by side."""
    return _blocks(space)[1]


@lru_cache(maxsize=128)
def _blocks(space: WeightSpace) -> tuple[tuple[EdgeBlock, ...], tuple[VectorBlock, ...]]:
    starts, edges, vectors, start = site_starts(space), list[EdgeBlock](), list[VectorBlock](), 0
    used: dict[tuple[int, str], int] = {}
    for name, spec in sorted(space.tensors.items()):
        if is_edges(spec):
            for piece in tensor_pieces(spec):
                number = _source_site(space, spec, piece)
                if number is None:
                    vectors.append(_constant_block(space, name, spec, piece, starts, used))
                else:
                    edges.append(_edges(space, name, spec, piece, number, starts, start))
                    start += edges[-1].edges
        elif is_vector(spec):
            vectors.extend(_vectors(space, name, spec, starts[spec.target_site], used))
    return tuple(edges), tuple(vectors)


def is_edges(spec: TensorSpec) -> bool:
    """Whether the tensor joins neurons of known sites."""
    known = spec.target_site is not None and spec.source_sites and None not in spec.source_sites
    return spec.role == "weight" and bool(known) and spec.numel > 0


def is_vector(spec: TensorSpec) -> bool:
    """Whether the tensor sits on one site."""
    integer = spec.dtype.startswith(("int", "uint", "bool"))
    placed = spec.role != "other" and spec.target_site is not None and spec.numel > 0
    return placed and not is_edges(spec) and not integer


def _source_site(space: WeightSpace, spec: TensorSpec, piece: Piece) -> int | None:
    """The site of the source neurons; None for a term of constants, such as coordinates beside the neurons."""
    named = spec.source_sites[piece.term if len(spec.source_sites) > 1 else 0]
    if _matching(space.sites[named], piece, spec.source, True) is not None:
        return named
    own = [atom.name for atom, owner in zip(piece.atoms, piece.owners, strict=True) if owner in spec.source]
    if not any(name is not None and space.names[name].free for name in own):
        return None
    return next((n for n, s in enumerate(space.sites) if _matching(s, piece, spec.source, False) is not None), named)


def _edges(
    space: WeightSpace, name: str, spec: TensorSpec, piece: Piece, number: int, starts: list[int], start: int
) -> EdgeBlock:
    target, source = space.sites[spec.target_site], space.sites[number]
    target_places, target_nodes = _place(target, name, piece, spec.target, False)
    source_places, source_nodes = _place(source, name, piece, spec.source, True)
    outer = target_places + [place for place in source_places if place not in target_places]
    inner = [place for place in range(len(piece.atoms)) if place not in outer]
    sizes, kernel_sizes = ([piece.sizes[place] for place in part] for part in (outer, inner))
    rows, width = target_nodes.numel(), prod(kernel_sizes)
    entries = Entries.of(piece, outer + inner, (rows, prod(sizes) // rows, width))
    order = sorted(range(len(source_places)), key=lambda number: outer.index(source_places[number]))
    shape = [size if place in source_places else 1 for place, size in zip(outer, sizes, strict=True)]
    sources = source_nodes.permute(*order).reshape(shape) + starts[number]
    kernel = (1, *kernel_sizes)[-2:] if spec.op == "conv" and len(kernel_sizes) in (1, 2) else None
    return EdgeBlock(
        name, entries, target_nodes.flatten() + starts[spec.target_site],
        sources.expand(sizes).reshape(entries.shape[:2]), width, kernel, start, piece.term,
    )  # fmt: skip


def _constant_block(
    space: WeightSpace, name: str, spec: TensorSpec, piece: Piece, starts: list[int], used: dict
) -> VectorBlock:
    """Weights on what is no neuron: features of the neurons that they lead to, like biases."""
    site = space.sites[spec.target_site]
    found, nodes = _place(site, name, piece, spec.target, False)
    inner = [place for place in range(len(piece.atoms)) if place not in found]
    width, key = prod(piece.sizes[place] for place in inner), (spec.target_site, "other")
    entries, column = Entries.of(piece, found + inner, (nodes.numel(), width)), used.get(key, 0)
    used[key] = column + width
    return VectorBlock(name, entries, nodes.flatten() + starts[spec.target_site], "other", column, width, spec.target)


def _vectors(space: WeightSpace, name: str, spec: TensorSpec, start: int, used: dict) -> list[VectorBlock]:
    slot = spec.slot if spec.slot in _NODE_SLOTS else "other"
    key, everywhere, parts = (spec.target_site, slot), tuple(range(len(spec.axes))), list[VectorBlock]()
    for piece in tensor_pieces(spec):
        nodes, entries = _vector(space.sites[spec.target_site], name, everywhere, piece)
        # terms of a sum stand on nodes of their own; where the site has one set of nodes for all, side by side
        beside = [part for part in parts if torch.isin(part.nodes, nodes + start).any()]
        column = max((part.column + part.width for part in beside), default=used.get(key, 0))
        parts.append(VectorBlock(name, entries, nodes + start, slot, column, entries.shape[1], everywhere))
    used[key] = max(part.column + part.width for part in parts)
    return parts


def _vector(site: Site, name: str, axes: tuple[int, ...], piece: Piece) -> tuple[Tensor, Entries]:
    nodes = _site_piece(site, piece)
    held = [atom for atom in nodes.atoms if match((atom,), piece, axes, False)]
    found = match(tuple(held), piece, axes, False)
    if found is None or not held:
        raise ValueError(_no_place(site, name, piece))
    inner = [place for place in range(len(piece.atoms)) if place not in found]
    outer = iter(found)
    strides = [piece.strides[next(outer)] if atom in held else 0 for atom in nodes.atoms]  # where it has none: repeated
    strides += [piece.strides[place] for place in inner]
    sizes, width = [*nodes.sizes, *(piece.sizes[place] for place in inner)], prod(piece.sizes[p] for p in inner)
    return nodes.index.flatten(), Entries(tuple(sizes), tuple(strides), piece.offset, (nodes.index.numel(), width))


def _place(site: Site, name: str, piece: Piece, axes: tuple[int, ...], anywhere: bool) -> tuple[list[int], Tensor]:
    found = _matching(site, piece, axes, anywhere)
    if found is None:
        raise ValueError(_no_place(site, name, piece))
    return found


def _matching(
    site: Site, piece: Piece, axes: tuple[int, ...], anywhere: bool
) -> tuple[list[int], Tensor] | None:  # fmt: skip
    """Where the atoms of a site stand in a piece of a tensor, and the nodes; None where one stands nowhere."""
    nodes = _site_piece(site, piece, axes, anywhere)
    found = match(nodes.atoms, piece, axes, anywhere)
    return None if found is None else (found, nodes.index)


def _site_piece(site: Site, piece: Piece, axes: tuple[int, ...] | None = None, anywhere: bool = False) -> Piece:
    axes = axes or tuple(piece.owners)
    found = axis_pieces(site.axis)
    fits = [nodes for nodes in found if match(nodes.atoms, piece, axes, anywhere) is not None]
    # a site may name the same neurons twice, as the gates of a recurrent cell do: each term of a tensor has its own
    term = max((piece.terms[axis] for axis in axes), default=0)
    return next((nodes for nodes in fits if nodes.term == term), fits[0] if fits else found[0])


def _no_place(site: Site, name: str, piece: Piece) -> str:
    axes = " ".join(map(str, piece.atoms))
    return f"The axes of {name!r} must name the neurons of its site {site.name!r}, '{site.axis}', got '{axes}'."
