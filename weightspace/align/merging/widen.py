"""Larger nets that compute the same: neurons and heads are doubled, and what reads them shares their weight."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.align.checks import ready
from weightspace.space import TensorSpec, WeightSpace
from weightspace.space.axes import with_sizes
from weightspace.space.spread import axis_order, spread_over_axis


def widen(
    space: WeightSpace, weights: Mapping[str, Tensor], name: str, size: int, seed: int = 0, noise: float = 0.0
) -> dict[str, Tensor]:
    """The weights of a net whose set of neurons ``name`` has ``size`` members, and that computes the same.

    Each new neuron is a copy of an old one, drawn evenly; what reads a neuron and its copies gets the old weight
    divided by their number (Chen et al. 2016, "Net2Net"; Wang et al. 2023, "LEMON"). Which tensors write and which read
    is in the space, so that this works for whatever was traced: layers, channels, flattened ones, residual streams,
    heads (each with all its channels).

    Args:
        weights: of one net. name: a free name. size: at least its size now. seed: of the copies drawn.
        noise: spread of what copies read an original's weight apart from even shares, which breaks the tie between
            them and keeps the function.

    Returns:
        The weights, for the same architecture with the wider layer.

    Raises:
        ValueError: an unknown name, a smaller size, channels of heads, whose products would count twice, neurons that a
            norm takes together, unless they grow by a whole number, or that no tensor reads.
    """
    single = {n: t[0] for n, t in ready(space, weights, "weights")[0].items()}
    _check(space, name, size)
    copies = _copies(space.names[name].size or 1, size, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    for tensor, spec in space.tensors.items():
        for dim, axis in enumerate(spec.axes):
            order = axis_order(axis, {name: copies})
            if order is None:
                continue
            grown = single[tensor].index_select(dim, order.to(single[tensor].device))
            for occurrence in _read_at(spec, dim, name):
                wide = with_sizes(axis, {name: size})
                shares = spread_over_axis(wide, occurrence, _shares(copies, noise, generator), 1.0)
                grown = grown * shares.to(grown).reshape(-1, *[1] * (grown.ndim - dim - 1))
            single[tensor] = grown
    return {n: t.to(weights[n].dtype) for n, t in single.items()}


def _read_at(spec: TensorSpec, dim: int, name: str) -> list[int]:
    """The atoms of an axis where a tensor reads the neurons of a name."""
    return [k for k, atom in enumerate(spec.axes[dim].atoms()) if atom.name == name] if dim in spec.source else []


def _check(space: WeightSpace, name: str, size: int) -> None:
    if name not in space.free:
        raise ValueError(f"There is no free name {name!r}; there are {', '.join(space.free) or 'none'}.")
    now = space.names[name].size or 1
    if size < now:
        raise ValueError(f"{name!r} has {now} neurons and can't shrink to {size}.")
    specs = [spec for spec in space.tensors.values() if any(atom.name == name for atom in spec.atoms())]
    if any(group.name == name and _is_of_scores(space, group.powers) for group in space.matrices):
        raise ValueError(f"{name!r} are channels of heads: copies would count twice where queries meet keys.")
    together = any(spec.op == "norm" and spec.slot in ("scale", "shift") for spec in specs) and not any(
        spec.slot in ("mean", "var") for spec in specs
    )
    if together and size % now:
        raise ValueError(f"A norm takes all of {name!r} together: size must be a multiple of {now}, got {size}.")
    if not any(_read_at(spec, dim, name) for spec in specs for dim in range(len(spec.axes))):
        raise ValueError(f"No tensor reads the neurons of {name!r}, so copies of them would count twice.")


def _is_of_scores(space: WeightSpace, powers: Mapping[str, tuple]) -> bool:
    """No tensor reads the neurons: they meet each other, as queries meet keys."""
    return not any(side.dim in space.tensors[tensor].source for tensor, sides in powers.items() for side in sides)


def _copies(now: int, size: int, seed: int) -> Int[Tensor, "size"]:
    """For each neuron of the wider layer the old one that it is: all in order, then random ones, evenly."""
    generator, rows = torch.Generator().manual_seed(seed), [torch.arange(now)]
    while sum(map(len, rows)) < size:
        rows.append(torch.randperm(now, generator=generator))
    return torch.cat(rows)[:size]


def _shares(copies: Int[Tensor, "size"], noise: float, generator: torch.Generator) -> Tensor:
    """Positive shares that add up to one among the copies of a neuron."""
    raw = (noise * torch.randn(len(copies), generator=generator, dtype=torch.float64)).exp()
    total = torch.zeros(int(copies.max()) + 1, dtype=torch.float64).index_add(0, copies, raw)
    return raw / total[copies]
