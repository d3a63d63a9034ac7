"""Learned inputs sent through the nets of a batch, as far as a weight space says how the nets compute."""

from itertools import pairwise
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weightspace.graphs import Topology
from weightspace.metanets.layers.passage import BlockStep, passage, takes_maps
from weightspace.metanets.layers.signed_states import SignedStates

SPEED = 10.0
"""Inputs are this times their parameter: they have further to go than weights, and an optimizer has one step size."""

LIMIT = 1e6
"""Values are clamped here, so that a net with extreme weights stays finite."""


class Responses(nn.Module):
    r"""What the nets of a batch answer to learned inputs (probes), computed from the graph alone.

    Site by site in the order of the computation: the kernel or matrix that leads there (with its stride, padding and
    dilation), bias, norm, links, activation. For nets of convolutions, linear layers, norms, residuals and means
    over pixels these are the nets' true outputs; where a space doesn't say more (pooling, attention) they are an
    approximation with the same symmetry. The inputs are trained with the metanet; for nets that take coordinates of
    the plane they begin as a regular grid on [-1, 1]. After Horwitz et al. 2025, "Deep linear probe generators for
    weight space learning", section 3.

    Args:
        topo: an architecture; those with the same `response_kind` can be sent through too.
        probes: number of inputs; of a grid the next smaller square.
        size: height and width of an input of a convolutional net.

    Attributes:
        count: outputs of a net. grid: points on a side, 0 where the inputs are no grid.
    """

    def __init__(self, topo: Topology, probes: int, size: int):
        super().__init__()
        way = passage(topo)
        counts = [topo.space.sites[site].axis.size for site in way.inputs]
        tail = (size, size) if takes_maps(topo) else (1, 1)
        plane = counts == [2] and tail == (1, 1)
        self.grid = isqrt(probes) if plane else 0
        self.speed = 1.0 if plane else SPEED
        self.probes = self.grid**2 or probes
        first = (
            [_grid(self.grid)[..., None, None]] if plane else [torch.randn(probes, n, *tail) / SPEED for n in counts]
        )
        self.values = nn.ParameterList(nn.Parameter(value) for value in first)
        self.count = sum(topo.space.sites[site].axis.size for site in way.outputs)

    def forward(self, signed: SignedStates, inputs: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The answers ``[nets, probes, outputs]``, and the mean response of every neuron ``[nets, nodes, probes]``.

        Args:
            signed: the batch.
            inputs: other inputs than those learned, ``[probes, nets or 1, inputs, height, width]``.
        """
        frame, way, states, raw = signed.frame, signed.way, {}, {}
        for site in way.order:
            state = _add(self._arriving(signed, site, states, raw), signed.slot(site, "bias"))
            if state is None:  # a norm of what links bring
                state = _linked(signed, site, states, raw, None, signed.before(site))
                state = _norm(signed, site, state)
            else:
                state = _linked(signed, site, states, raw, _norm(signed, site, state), signed.signed(site))
            if site in way.inputs:
                own = self.values[way.inputs.index(site)]
                own = (self.speed * own).to(frame.x)[:, None] if inputs is None else inputs
                state = own if state is None else state + own
            if state is None:
                continue
            raw[site] = state.clamp(-LIMIT, LIMIT)
            states[site] = signed.activate(site, raw[site])
        found = {site: state.mean((3, 4)).permute(1, 2, 0).expand(frame.nets, -1, -1) for site, state in states.items()}
        answers = torch.cat([found[site] for site in way.outputs if site in found], 1).transpose(1, 2)
        sizes = [stop - start for start, stop in pairwise(way.starts)]
        silent = answers.new_zeros(frame.nets, max(sizes), answers.shape[1])
        rows = [found[site] if site in found else silent[:, :size] for site, size in enumerate(sizes)]
        return answers, torch.cat(rows, 1)

    def _arriving(
        self, signed: SignedStates, site: int, states: dict[int, Tensor], raw: dict[int, Tensor]
    ) -> Tensor | None:
        total = None
        for step in signed.way.blocks[site]:
            if any(source not in states for source in step.sites):
                continue
            source = signed.sent(step.number, step.sites[0], states, raw)
            for other in step.sites[1:]:
                source = _join_nodes(source, signed.sent(step.number, other, states, raw))
            source = source if step.place is None else source[:, :, step.place.to(source.device)]
            part = _apply(signed.frame.edges[step.number].values, step.kernel, step.settings, source)
            part = _at_targets(part, step) * signed.fits(step.number, site)
            total = part if total is None else _join(total, part)
        return total


def _grid(side: int) -> Tensor:
    """The points of a regular grid on the square, row by row, ``[side * side, 2]``."""
    line = (torch.arange(side) + 0.5) * (2 / side) - 1
    return torch.cartesian_prod(line, line)


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


def _at_targets(part: Tensor, step: BlockStep) -> Tensor:
    """What a block brings to some nodes of a site, with zeros for the others: another block may lead to those."""
    if step.targets is None:
        return part
    whole = part.new_zeros(*part.shape[:2], step.nodes, *part.shape[3:])
    return whole.index_copy(2, step.targets.to(part.device), part)


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


def _linked(
    signed: SignedStates,
    site: int,
    states: dict[int, Tensor],
    raw: dict[int, Tensor],
    state: Tensor | None,
    wanted: list[bool],
) -> Tensor | None:
    """The state with what links bring to a site, as far as it flips with the signs of neurons as wanted."""
    for step in signed.way.links[site]:
        if step.site not in states:
            continue
        given = signed.sent(step.kind, step.site, states, raw)
        taken = given[:, :, step.sources.to(given.device)]
        moved = given.new_zeros(*given.shape[:2], len(step.share), *given.shape[3:])
        moved = moved.index_add(2, step.targets.to(given.device), taken) * step.share.to(given)
        moved = moved * signed.brings(step.kind, site, wanted)
        state = moved if state is None else _join(state, moved)
    return state


def _norm(signed: SignedStates, site: int, state: Tensor | None) -> Tensor | None:
    if state is None:
        return None
    mean, var = signed.slot(site, "mean"), signed.slot(site, "var", squared=True)
    if mean is not None and var is not None:
        state = (state - mean) * (var.clamp(min=0) + 1e-5).rsqrt()
    scale, shift = signed.slot(site, "scale", squared=True), signed.slot(site, "shift")
    state = state if scale is None else state * scale
    return state if shift is None else state + shift


def _add(state: Tensor | None, vector: Tensor | None) -> Tensor | None:
    return state if state is None or vector is None else state + vector


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    if isinstance(value, list | tuple) and len(value) in (1, 2):
        return int(value[0]), int(value[-1])
    return 0, 0
