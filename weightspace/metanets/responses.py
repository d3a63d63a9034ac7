"""Learned inputs sent through the nets of a batch, as far as a weight space says how the nets compute."""

from collections.abc import Callable
from functools import lru_cache
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weightspace.graphs import Topology
from weightspace.metanets.dense import DenseFrame, wires

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "sin": torch.sin,
}
SPEED = 10.0
"""Inputs are this times their parameter: they have further to go than weights, and an optimizer has one step size."""

LIMIT = 1e6
"""Values are clamped here, so that a net with extreme weights stays finite."""


class Responses(nn.Module):
    r"""What the nets of a batch answer to learned inputs (probes), computed from the graph alone.

    Site by site in the order of the computation: the kernel or matrix that leads there (with its stride, padding and
    dilation), bias, norm, links, activation. For nets of convolutions, linear layers, norms, residuals and means
    over pixels these are the nets' true outputs; where a space doesn't say more (pooling, attention) they are an
    approximation with the same symmetry. The inputs are trained with the metanet. After Horwitz et al. 2025, "Deep
    linear probe generators for weight space learning", section 3.

    Args:
        topo: the architecture. probes: number of inputs. size: height and width of an input of a convolutional net.

    Shapes:
        out ``[nets, probes, outputs]``.
    """

    def __init__(self, topo: Topology, probes: int, size: int):
        super().__init__()
        self.order, self.inputs, self.outputs = computation_order(topo)
        self.maps = any(block.kernel for block in topo.blocks)
        tail = (size, size) if self.maps else (1, 1)
        counts = {site: topo.space.sites[site].axis.size for site in self.inputs}
        self.values = nn.ParameterDict(
            {str(site): nn.Parameter(torch.randn(probes, count, *tail) / SPEED) for site, count in counts.items()}
        )
        self.count = sum(topo.space.sites[site].axis.size for site in self.outputs)

    def forward(self, frame: DenseFrame) -> Tensor:
        topo, states = frame.topologies[0], {}
        for site in self.order:
            state = self._arriving(frame, site, states)
            state = _norm(frame, site, _add(state, _slot(frame, site, "bias")))
            for number in _links_to(topo, site):
                state = _linked(topo, number, states, state)
            if str(site) in self.values:
                given = (SPEED * self.values[str(site)]).to(frame.x)[:, None]
                state = given if state is None else state + given
            if state is None:
                continue
            states[site] = _activate(frame, site, state.clamp(-LIMIT, LIMIT))
        answers = [states[site].mean((3, 4)) for site in self.outputs if site in states]
        return torch.cat(answers, 2).transpose(0, 1).expand(frame.nets, -1, -1)

    def _arriving(self, frame: DenseFrame, site: int, states: dict[int, Tensor]) -> Tensor | None:
        topo, total = frame.topologies[0], None
        for number, block in enumerate(topo.blocks):
            spec = topo.space.tensors[block.tensor]
            if spec.target_site != site:
                continue
            source = _sources(topo, number, states)
            if source is not None:
                part = _apply(frame.edges[number].values, block.kernel, dict(spec.settings), source)
                total = part if total is None else _join(total, part)
        return total


@lru_cache(maxsize=128)
def computation_order(topo: Topology) -> tuple[list[int], list[int], list[int]]:
    """All sites, each after those that lead to it; those that nothing leads to; and those that give the output."""
    before: dict[int, set[int]] = {site: set() for site in range(len(topo.space.sites))}
    for source, target in topo.edge_index.T.unique(dim=0).tolist():
        before[int(topo.node_type[target])].add(int(topo.node_type[source]))
    order: list[int] = []
    while len(order) < len(before):
        rest = [site for site in before if site not in order]
        ready = [site for site in rest if before[site] - {site} <= set(order)]
        order += ready or rest[:1]  # recurrent: begin somewhere
    inputs = [site for site in before if not before[site]]
    outputs = [site for site in before if topo.space.sites[site].kind == "output"]
    return order, inputs, outputs or order[-1:]


def _apply(values: Tensor, kernel: tuple[int, int] | None, settings: dict, source: Tensor) -> Tensor:
    """Weights ``[nets, targets, sources, columns]`` on a state ``[probes, nets, sources, height, width]``.

    A state that is the same for all nets has one net only.
    """
    if source.ndim == 6:  # each target has sources of its own
        rows = range(values.shape[1])
        return torch.cat([_apply(values[:, r : r + 1], kernel, settings, source[:, :, r]) for r in rows], 2)
    (nets, targets, count, width), shared = values.shape, source.shape[1]
    if kernel is None:
        grid = (isqrt(width), isqrt(width)) if isqrt(width) ** 2 == width else (1, width)
        pooled = F.adaptive_avg_pool2d(source.flatten(0, 1), grid).reshape(-1, shared, count * width)
        return torch.einsum("pns,nts->pnt", pooled.expand(-1, nets, -1), values.flatten(2))[..., None, None]
    # one convolution for all nets, each a group: ten times faster than unfolding
    groups = nets if shared == nets else 1
    stride, padding, dilation = (_pair(settings.get(key, default)) for key, default in _CONV)
    kernels = values.reshape(nets * targets, count, *kernel)
    maps = F.conv2d(source.flatten(1, 2), kernels, None, stride, padding, dilation, groups)
    return maps.unflatten(1, (nets, targets))


_CONV = (("stride", 1), ("padding", 0), ("dilation", 1))


def _sources(topo: Topology, number: int, states: dict[int, Tensor]) -> Tensor | None:
    sites, place = _places(topo, number)
    if any(site not in states for site in sites):
        return None
    state = states[sites[0]]
    for site in sites[1:]:
        state = _join_nodes(state, states[site])
    return state if place is None else state[:, :, place.to(state.device)]


@lru_cache(maxsize=1024)
def _places(topo: Topology, number: int) -> tuple[list[int], Tensor | None]:
    """The sites a block reads, and which of their nodes; None for all of them in order."""
    block = topo.blocks[number]
    sites = topo.node_type[block.sources].unique().tolist()
    local = torch.cat([torch.arange(topo.starts[site], topo.starts[site + 1]) for site in sites])
    place = torch.searchsorted(local, block.sources)
    if wires(topo)[number].paired:
        return sites, place
    return sites, None if torch.equal(place[0], torch.arange(len(local))) else place[0]


def _join(one: Tensor, other: Tensor) -> Tensor:
    """The sum of two states; maps of different sizes are averaged to the smaller."""
    size = [min(a, b) for a, b in zip(one.shape[-2:], other.shape[-2:], strict=True)]
    return _resize(one, size) + _resize(other, size)


def _join_nodes(one: Tensor, other: Tensor) -> Tensor:
    nets = max(one.shape[1], other.shape[1])
    one, other = one.expand(-1, nets, -1, -1, -1), other.expand(-1, nets, -1, -1, -1)
    size = [min(a, b) for a, b in zip(one.shape[-2:], other.shape[-2:], strict=True)]
    return torch.cat([_resize(one, size), _resize(other, size)], 2)


def _resize(state: Tensor, size: list[int]) -> Tensor:
    if list(state.shape[-2:]) == size:
        return state
    return F.adaptive_avg_pool2d(state.flatten(0, 1), size).unflatten(0, state.shape[:2])


def _linked(topo: Topology, number: int, states: dict[int, Tensor], state: Tensor | None) -> Tensor | None:
    link = topo.space.links[number]
    if link.source not in states:
        return state
    source, target = topo.edge_index[:, topo.edge_type == len(topo.blocks) + number]
    given, device = states[link.source], states[link.source].device
    nodes = topo.starts[link.target + 1] - topo.starts[link.target]
    count = torch.zeros(nodes).index_add(0, target - topo.starts[link.target], torch.ones(len(target)))
    taken = given[:, :, (source - topo.starts[link.source]).to(device)]
    moved = given.new_zeros(*given.shape[:2], nodes, *given.shape[3:])
    moved = moved.index_add(2, (target - topo.starts[link.target]).to(device), taken)
    moved = moved / count.clamp(min=1).to(moved)[:, None, None]
    return moved if state is None else _join(state, moved)


def _links_to(topo: Topology, site: int) -> list[int]:
    return [number for number, link in enumerate(topo.space.links) if link.target == site]


@lru_cache(maxsize=128)
def _held_slots(topo: Topology) -> frozenset[tuple[int, str]]:
    return frozenset((int(topo.node_type[vector.nodes[0]]), vector.slot) for vector in topo.vectors)


def _slot(frame: DenseFrame, site: int, name: str) -> Tensor | None:
    """The first vector in a slot of a site, ``[nets, nodes, 1, 1]``; None where the site has none."""
    topo = frame.topologies[0]
    if (site, name) not in _held_slots(topo):
        return None
    return frame.x[:, topo.site(site), frame.layout.slot(name)][..., None, None]


def _norm(frame: DenseFrame, site: int, state: Tensor | None) -> Tensor | None:
    if state is None:
        return None
    mean, var = _slot(frame, site, "mean"), _slot(frame, site, "var")
    if mean is not None and var is not None:
        state = (state - mean) * (var.clamp(min=0) + 1e-5).rsqrt()
    scale, shift = _slot(frame, site, "scale"), _slot(frame, site, "shift")
    state = state if scale is None else state * scale
    return state if shift is None else state + shift


def _add(state: Tensor | None, vector: Tensor | None) -> Tensor | None:
    return state if state is None or vector is None else state + vector


def _activate(frame: DenseFrame, site: int, state: Tensor) -> Tensor:
    names = [topo.space.sites[site].activation for topo in frame.topologies]
    rates = [float(topo.space.sites[site].settings.get("w0", 1.0)) for topo in frame.topologies]
    found = None
    for number, (name, rate) in enumerate(zip(names, rates, strict=True)):
        value = ACTIVATIONS.get(name, _same)(state * rate if rate != 1 else state)
        mine = (frame.which == number)[:, None, None, None]
        found = value if found is None else torch.where(mine, value, found)
    return state if found is None else found


def _same(state: Tensor) -> Tensor:
    return state


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    if isinstance(value, list | tuple) and len(value) in (1, 2):
        return int(value[0]), int(value[-1])
    return 0, 0
