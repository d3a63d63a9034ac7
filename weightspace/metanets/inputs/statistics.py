"""Numbers about each tensor of a net that don't change when neurons are permuted."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.metanets.inputs.depths import knot_weights, tensor_places
from weightspace.metanets.inputs.sizes import fan_in
from weightspace.space import TensorSpec, WeightSpace

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def statistics(space: WeightSpace, weights: dict[str, Tensor]) -> Float[Tensor, "nets features"]:
    """Statistics of every floating tensor, by name.

    For each tensor the mean, standard deviation, logarithm of the root mean square, tails (fourth moment) and seven
    quantiles; for weights also how the norms of the target and of the source neurons spread. All are invariant to
    permutations of neurons. After Unterthiner et al. 2020, "Predicting neural network accuracy from weights", section
    4, whose seven features a tensor are among them.

    Args:
        space: the weight space.
        weights: stacked weights ``[nets, ...]``.
    """
    found = []
    for name, spec in sorted(space.tensors.items()):
        if not is_integer(spec):
            found += _of_tensor(weights[name], spec)
    return torch.cat(found, 1)


def count_statistics(space: WeightSpace) -> int:
    """How many features `statistics` gives for a net of this space."""
    zeros = {name: torch.zeros(1, *spec.sizes) for name, spec in space.tensors.items()}
    return statistics(space, zeros).shape[1]


def is_integer(spec: TensorSpec) -> bool:
    """Whether the tensor counts something, and is no weight."""
    return spec.dtype.startswith(("int", "uint", "bool"))


def layer_statistics(
    space: WeightSpace,
    weights: dict[str, Tensor],
    roles: tuple[str, ...],
    knots: int,
    flips: Mapping[str, Tensor] | None = None,
) -> Float[Tensor, "nets features"]:
    """Statistics of the tensors of each role at ``knots`` depths, as many for nets of any width and depth.

    Weights are scaled by the root of their fan-in first; tensors of one role are averaged near each knot (see
    `knot_weights`); the numbers of neurons follow.

    Args:
        space: the weight space. weights: stacked weights ``[nets, ...]``.
        roles: which of `weightspace.metanets.inputs.sizes.ROLES`; a net without tensors of a role has zeros there.
        knots: depths.
        flips: for tensors that flip with the signs of neurons, in which nets they do; absolute values are taken there.
    """
    like, found = next(weights[name] for name in space.tensors if not is_integer(space.tensors[name])), []
    for role in roles:
        names, places = tensor_places(space, role)
        if not names:
            found.append(like.new_zeros(len(like), knots * count_of_role(role)))
            continue
        parts = [_of_layer(space, name, weights[name], (flips or {}).get(name)) for name in names]
        near = knot_weights(places, knots).to(like)
        found.append(torch.einsum("kt,tnf->nkf", near, torch.stack(parts)).flatten(1))
    return torch.cat(found, 1)


def flipping(space: WeightSpace) -> frozenset[str]:
    """The tensors that flip with the signs of neurons."""
    return frozenset(name for action in space.actions if action.kind == "sign" for name in action.powers)


def count_of_role(role: str) -> int:
    """How many features `layer_statistics` has for a role at each knot."""
    return len(QUANTILES) + 4 + (10 if role == "weight" else 0)


def _of_layer(space: WeightSpace, name: str, tensor: Tensor, flips: Tensor | None) -> Tensor:
    spec = space.tensors[name]
    if flips is not None:
        tensor = torch.where(flips.reshape(-1, *[1] * (tensor.ndim - 1)), tensor.abs(), tensor)
    if spec.role != "weight":
        return torch.cat(_of_entries(tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None]), 1)
    fan = fan_in(space, name)
    tensor = tensor * fan**0.5
    found = _of_entries(tensor.flatten(1))
    for axes in (spec.target, spec.source):
        found += _of_norms(_norms(tensor, spec, axes) if axes else tensor.new_ones(len(tensor), 1))
    numbers = torch.tensor([fan, spec.numel / fan], dtype=tensor.dtype, device=tensor.device).log()
    return torch.cat([*found, numbers.expand(len(tensor), -1)], 1)


def _of_tensor(tensor: Tensor, spec: TensorSpec) -> list[Tensor]:
    found = _of_entries(tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None])
    if spec.role == "weight" and spec.source and spec.target:
        found += _of_norms(_norms(tensor, spec, spec.target)) + _of_norms(_norms(tensor, spec, spec.source))
    return found


def _of_entries(flat: Tensor) -> list[Tensor]:
    mean, std = flat.mean(1, keepdim=True), flat.std(1, correction=0, keepdim=True)
    size = flat.square().mean(1, keepdim=True).clamp(min=1e-36).log() / 2
    tails = ((flat - mean) / (std + 1e-12)).pow(4).mean(1, keepdim=True).log1p()
    quantiles = torch.quantile(flat, flat.new_tensor(QUANTILES), dim=1).T
    return [mean, std, size, tails, quantiles]


def _of_norms(norms: Tensor) -> list[Tensor]:
    logs = norms.clamp(min=1e-18).log()
    mean, std = logs.mean(1, keepdim=True), logs.std(1, correction=0, keepdim=True)
    return [mean, std, logs.amin(1, keepdim=True), logs.amax(1, keepdim=True)]


def _norms(tensor: Tensor, spec: TensorSpec, axes: tuple[int, ...]) -> Tensor:
    """The root mean square of the entries of each neuron, ``[nets, neurons]``."""
    rest = [dim + 1 for dim in range(len(spec.axes)) if dim not in axes]
    return tensor.square().mean(rest).flatten(1).sqrt() if rest else tensor.abs().flatten(1)
