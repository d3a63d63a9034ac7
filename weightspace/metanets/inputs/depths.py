"""Layers of nets of any depth on a fixed number of knots between input and output."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.space import WeightSpace


@lru_cache(maxsize=4096)
def knot_weights(places: tuple[float, ...], knots: int) -> Tensor:
    """``[knots, places]``, rows that add up to one: means over the places near each knot.

    Knots lie evenly on [0, 1]. Each reads the places within one spacing, nearer ones more (a hat); if there is none,
    the nearest alone. So as many places as knots, evenly spread, are read one by one, fewer are repeated, more are
    averaged, and what reads the knots carries over to other depths.
    """
    at = torch.linspace(0, 1, knots) if knots > 1 else torch.tensor([0.5])
    return hat_weights(at, torch.tensor(places))


def hat_weights(at: Float[Tensor, "knots"], places: Float[Tensor, "places"]) -> Float[Tensor, "knots places"]:
    """See `knot_weights`, for knots anywhere on [0, 1]; zero where there is no place at all."""
    if not len(places):
        return torch.zeros(len(at), 0)
    far = (at[:, None] - places).abs()
    reach = (1.01 * far.amin(1, keepdim=True)).clamp(min=1 / max(len(at) - 1, 1))
    hats = (1 - far / reach).clamp(min=0)
    return hats / hats.sum(1, keepdim=True)


@lru_cache(maxsize=4096)
def site_places(space: WeightSpace) -> tuple[float, ...]:
    """Where each site lies between the input (0) and the deepest site (1)."""
    deepest = max([0, *(site.depth for site in space.sites)]) or 1
    return tuple(site.depth / deepest for site in space.sites)


@lru_cache(maxsize=4096)
def tensor_places(space: WeightSpace, slot: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The floating tensors in a slot, by name, and where each lies between the first layer (0) and the last (1)."""
    deepest = max([0, *(site.depth for site in space.sites)])
    names, places = [], []
    for name in sorted(space.tensors):
        if slot_of(space, name) == slot:
            site = space.tensors[name].target_site
            depth = 0 if site is None else space.sites[site].depth
            names.append(name)
            places.append(max(depth - 1, 0) / max(deepest - 1, 1))
    return tuple(names), tuple(places)


def slot_of(space: WeightSpace, name: str) -> str | None:
    """What a tensor is for: ``"weight"``, a slot of vectors, or ``"other"``; None for one of integers."""
    spec = space.tensors[name]
    if spec.dtype.startswith(("int", "uint", "bool")):
        return None
    return "weight" if spec.role == "weight" else spec.slot if spec.role == "vector" else "other"
