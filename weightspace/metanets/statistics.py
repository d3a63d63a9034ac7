"""Numbers about each tensor of a net that don't change when neurons are permuted."""

import torch
from jaxtyping import Float
from torch import Tensor

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
        tensor = weights[name]
        if is_integer(spec):
            continue
        found += _of_entries(tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None])
        if spec.role == "weight" and spec.source and spec.target:
            found += _of_norms(_norms(tensor, spec, spec.target)) + _of_norms(_norms(tensor, spec, spec.source))
    return torch.cat(found, 1)


def count_statistics(space: WeightSpace) -> int:
    """How many features `statistics` gives for a net of this space."""
    zeros = {name: torch.zeros(1, *spec.shape) for name, spec in space.tensors.items()}
    return statistics(space, zeros).shape[1]


def is_integer(spec: TensorSpec) -> bool:
    """Whether the tensor counts something, and is no weight."""
    return spec.dtype.startswith(("int", "uint", "bool"))


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
