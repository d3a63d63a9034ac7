"""Wider nets that compute the same: neurons are doubled, and what reads them shares their weight."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.align.checks import ready
from weightspace.align.matching.places import places_of
from weightspace.space import Axis, Product, Sum, WeightSpace


def widen(
    space: WeightSpace, weights: Mapping[str, Tensor], name: str, size: int, seed: int = 0, noise: float = 0.0
) -> dict[str, Tensor]:
    """The weights of a net whose set of neurons ``name`` has ``size`` members, and that computes the same.

    Each new neuron is a copy of an old one, drawn evenly; what reads a neuron and its copies gets the old weight
    divided by their number (Chen et al. 2016, "Net2Net"; Wang et al. 2023, "LEMON"). Which tensors write and which read
    is in the space, so that this works for whatever was traced: layers, channels, residual streams.

    Args:
        weights: of one net. name: a free name. size: at least its size now. seed: of the copies drawn.
        noise: spread of what copies read an original's weight apart from even shares, which breaks the tie between
            them and keeps the function.

    Returns:
        The weights, for the same architecture with the wider layer.

    Raises:
        ValueError: an unknown name, a smaller size, neurons inside a product of axes (heads), neurons that a norm takes
            together, unless they grow by a whole number, or that no tensor reads.
    """
    single = {n: t[0] for n, t in ready(space, weights, "weights")[0].items()}
    _check(space, name, size)
    copies = _copies(space.names[name].size or 1, size, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    for place in places_of(space)[name]:
        spec, stack = space.tensors[place.tensor], single[place.tensor].unsqueeze(0)
        grown = stack.index_select(place.dim + 1, copies.to(stack.device))
        if place.dim in spec.source:
            shares = _shares(copies, noise, generator).to(grown.device, grown.dtype)
            grown = grown * shares.reshape(-1, *[1] * (grown.ndim - place.dim - 2))
        single[place.tensor] = grown[0]
    return {n: t.to(weights[n].dtype) for n, t in single.items()}


def _check(space: WeightSpace, name: str, size: int) -> None:
    if name not in space.free:
        raise ValueError(f"There is no free name {name!r}; there are {', '.join(space.free) or 'none'}.")
    now = space.names[name].size or 1
    if size < now:
        raise ValueError(f"{name!r} has {now} neurons and can't shrink to {size}.")
    specs = [spec for spec in space.tensors.values() if any(atom.name == name for atom in spec.atoms())]
    if any(_is_factor(name, axis) for spec in specs for axis in spec.axes):
        raise ValueError(f"{name!r} stands in a product of axes (heads, a flatten); widening that isn't supported.")
    together = any(spec.op == "norm" and spec.slot in ("scale", "shift") for spec in specs) and not any(
        spec.slot in ("mean", "var") for spec in specs
    )
    if together and size % now:
        raise ValueError(f"A norm takes all of {name!r} together: size must be a multiple of {now}, not {size}.")
    if not any(place.dim in space.tensors[place.tensor].source for place in places_of(space)[name]):
        raise ValueError(f"No tensor reads the neurons of {name!r}, so copies of them would count twice.")


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


def _is_factor(name: str, axis: Axis) -> bool:
    """A name stands in a product, wherever that stands."""
    if isinstance(axis, Product):
        return any(atom.name == name for atom in axis.atoms())
    return isinstance(axis, Sum) and any(_is_factor(name, term) for term in axis.terms)
