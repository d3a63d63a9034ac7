"""What a graph says of its sites, operators and fixed neurons, apart from the weights."""

from math import log, prod

import torch
from torch import Tensor

from weightspace.graphs.structure.blocks import EdgeBlock
from weightspace.graphs.structure.pieces import axis_pieces
from weightspace.space import Atom, Link, Site, WeightSpace

ACTIVATIONS = ("none", "relu", "tanh", "sigmoid", "gelu", "silu", "leaky_relu", "elu", "sin", "softmax", "other")
SITE_KINDS = ("input", "hidden", "output")
OPERATORS = ("linear", "conv", "norm", "embedding", "elementwise", "matmul", "other")
LINKS = ("identity", "residual", "product", "attention", "other")

SITE_FEATURES = (
    *(f"kind={kind}" for kind in SITE_KINDS),
    *(f"activation={name}" for name in ACTIVATIONS),
    *("bias", "norm", "depth", "layers", "log size", "log fan-in", "log w0"),
)
"""What each column of `Topology.site_features` says."""

EDGE_FEATURES = (
    *(f"operator={name}" for name in OPERATORS),
    *(f"link={name}" for name in LINKS),
    *("log kernel", "log stride", "padding", "log dilation", "log groups", "transposed", "heads", "log fan-in"),
    *("log fan-out", "depth", "term"),
)
"""What each column of `Topology.edge_features` says."""

POSITIONS = 16
"""Columns of `Topology.positions`."""


def site_features(space: WeightSpace, fan_in: list[float]) -> Tensor:
    """``[sites, len(SITE_FEATURES)]``: kind, activation, which vectors it has, depth and size."""
    deepest = max((site.depth for site in space.sites), default=0) or 1
    slots: dict[int, set[str]] = {}
    for spec in space.tensors.values():
        if spec.target_site is not None:
            slots.setdefault(spec.target_site, set()).add(spec.slot)
    rows = []
    for number, site in enumerate(space.sites):
        held = slots.get(number, set())
        numbers = [float("bias" in held), float(bool({"scale", "mean"} & held)), site.depth / deepest, deepest / 10]
        numbers += [log(max(site.axis.size, 1)), log(max(fan_in[number], 1)), _log_setting(site, "w0")]
        rows.append(_one_hot(site.kind, SITE_KINDS) + _one_hot(site.activation, ACTIVATIONS) + numbers)
    return torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(SITE_FEATURES))


def edge_features(space: WeightSpace, blocks: tuple[EdgeBlock, ...]) -> Tensor:
    """``[blocks + links, len(EDGE_FEATURES)]``: the operator and its settings; the kind of a link."""
    deepest = max((site.depth for site in space.sites), default=0) or 1
    rows = [_block_row(space, block, deepest) for block in blocks]
    rows += [_link_row(space, link, deepest) for link in space.links]
    return torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(EDGE_FEATURES))


def positions(space: WeightSpace, site: Site) -> Tensor:
    """``[nodes, POSITIONS]``: sines and cosines of the place of neurons that can't be permuted; zero where all can."""
    rows = torch.zeros(site.axis.size, POSITIONS)
    for piece in axis_pieces(site.axis):
        fixed = [place for place, atom in enumerate(piece.atoms) if not _is_free(space, atom)]
        if not fixed:
            continue
        sizes = [piece.index.shape[place] for place in fixed]
        shape = [piece.index.shape[place] if place in fixed else 1 for place in range(piece.index.dim())]
        place = torch.arange(prod(sizes)).reshape(shape).expand(piece.index.shape).flatten()
        rows[piece.index.flatten()] = _waves(place + piece.term)
    return rows


def _is_free(space: WeightSpace, atom: Atom) -> bool:
    return atom.name is not None and space.names[atom.name].free


def _waves(place: Tensor) -> Tensor:
    rates = torch.exp(torch.arange(POSITIONS // 2) * (-2 * log(100.0) / POSITIONS))
    angles = (place[:, None] + 1) * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def _block_row(space: WeightSpace, block: EdgeBlock, deepest: int) -> list[float]:
    spec = space.tensors[block.tensor]
    settings = spec.settings
    numbers = [log(block.width)]
    numbers += [log(max(_mean(settings.get("stride", 1)), 1)), _mean(settings.get("padding", 0))]
    numbers += [log(max(_mean(settings.get("dilation", 1)), 1)), log(max(_mean(settings.get("groups", 1)), 1))]
    numbers += [float(bool(settings.get("transposed", False))), _mean(settings.get("heads", 0)) / 10]
    numbers += [log(block.sources.shape[1] * block.width), log(block.targets.numel())]
    numbers += [space.sites[spec.target_site].depth / deepest, float(block.term)]
    return _one_hot(spec.op, OPERATORS) + [0.0] * len(LINKS) + numbers


def _link_row(space: WeightSpace, link: Link, deepest: int) -> list[float]:
    numbers = [0.0] * 9 + [space.sites[link.target].depth / deepest, 0.0]
    return [0.0] * len(OPERATORS) + _one_hot(link.kind, LINKS) + numbers


def _one_hot(word: str, words: tuple[str, ...]) -> list[float]:
    word = word if word in words else "other"
    return [float(word == known) for known in words]


def _mean(value: object) -> float:
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, list | tuple) and value and all(isinstance(item, int | float) for item in value):
        return sum(value) / len(value)
    return 0.0


def _log_setting(site: Site, name: str) -> float:
    return log(max(_mean(site.settings.get(name, 1)), 1e-3))


def fan_ins(space: WeightSpace, blocks: tuple[EdgeBlock, ...]) -> list[float]:
    """Weights that arrive at each neuron of a site, the sites in order."""
    totals = [0.0] * len(space.sites)
    for block in blocks:
        totals[space.tensors[block.tensor].target_site] += prod((block.sources.shape[1], block.width))
    return totals
