"""Several numbers for every weight: a weight space with one more axis, so that any metanet reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from weightspace.space import WeightSpace
from weightspace.space.axes import Atom


def with_channels(space: WeightSpace, channels: int) -> WeightSpace:
    """The space with ``channels`` numbers in the place of each weight, on a fixed last axis; itself for one.

    ``h2 h1`` becomes ``h2 h1 3``: what moves a weight moves all of its channels. Permutations and signs act on the
    channels as on the weight; scales, under which a gradient moves the other way, and phases, which add to the weight
    alone, are left out.
    """
    if channels == 1:
        return space
    tensors = {name: replace(spec, axes=(*spec.axes, Atom(None, channels))) for name, spec in space.tensors.items()}
    kept = ("permutation", "sign")
    names = {
        name: replace(group, kinds=tuple(kind for kind in group.kinds if kind in kept))
        for name, group in space.names.items()
    }
    actions = tuple(action for action in space.actions if action.kind == "sign")
    return WeightSpace(tensors, names, space.sites, space.links, actions)


def stack_channels(parts: Sequence[Mapping[str, Tensor]], channels: int) -> dict[str, Tensor]:
    """Dicts of tensors ``[nets, ...]`` as one with ``[nets, ..., channels]``; channels beyond the parts are zero.

    With one channel the first dict itself.
    """
    if channels == 1:
        return dict(parts[0])
    joined = {name: torch.stack([part[name] for part in parts], -1) for name in parts[0]}
    missing = (0, channels - len(parts))
    return {name: torch.nn.functional.pad(tensor, missing) for name, tensor in joined.items()}


def channel(stack: Mapping[str, Tensor], number: int, channels: int) -> dict[str, Tensor]:
    """One channel of what `stack_channels` joined."""
    return {name: tensor[..., number] if channels > 1 else tensor for name, tensor in stack.items()}
