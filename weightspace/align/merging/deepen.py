"""Deeper nets that compute the same: a new block that adds nothing to its residual stream, a new layer that copies."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from weightspace.align.checks import ready
from weightspace.space import Atom, TensorSpec, WeightSpace

_IDEMPOTENT = ("none", "relu", "relu6")  # activations that do nothing more when they act twice


def deepen(space: WeightSpace, weights: Mapping[str, Tensor], blocks: str, at: int) -> dict[str, Tensor]:
    """The weights of a net with one more of its numbered blocks, and that computes the same.

    A block on a residual stream (attention and a perceptron, two convolutions) is a copy of the one before whose layers
    into the stream are zero, so that it adds nothing yet (Wang et al. 2023, "LEMON"); its gradient isn't zero. A single
    layer of a perceptron becomes the identity, which needs an activation that does nothing more when it acts twice, as
    relu (Chen et al. 2016, "Net2Net").

    Args:
        weights: of one net. blocks: what stands before the numbers in the names of its tensors: ``layers`` for
            ``layers.0.up.weight``. at: the number of the new block; at least 1, as it is made from the one before.

    Returns:
        The weights, for the same architecture with one more block.

    Raises:
        ValueError: no such blocks, a number out of range, a layer whose activation isn't idempotent.
    """
    single = {n: t[0] for n, t in ready(space, weights, "weights")[0].items()}
    pattern = re.compile(rf"{re.escape(blocks)}\.(\d+)\.(.+)")
    found = {name: pattern.fullmatch(name) for name in single}
    numbers = sorted({int(match[1]) for match in found.values() if match})
    if not numbers:
        raise ValueError(f"No tensor is called '{blocks}.' and a number; the first is {next(iter(single), 'none')!r}.")
    if not 1 <= at <= numbers[-1] + 1:
        raise ValueError(f"at must lie between 1 and {numbers[-1] + 1}, as the new block follows another, got {at}.")
    deeper = {}
    for name, tensor in single.items():
        match = found[name]
        moved = match is not None and int(match[1]) >= at
        deeper[f"{blocks}.{int(match[1]) + 1}.{match[2]}" if match is not None and moved else name] = tensor
    before = {match[2]: name for name, match in found.items() if match is not None and int(match[1]) == at - 1}
    new = _block(space, single, before)
    deeper |= {f"{blocks}.{at}.{rest}": tensor for rest, tensor in new.items()}
    return {name: tensor.to(next(iter(weights.values())).dtype) if tensor.is_floating_point() else tensor
            for name, tensor in deeper.items()}  # fmt: skip


def _block(space: WeightSpace, weights: Mapping[str, Tensor], before: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors of a new block after one whose tensors are given by the ends of their names."""
    specs = {rest: space.tensors[name] for rest, name in before.items()}
    layers = [spec for spec in specs.values() if spec.role == "weight"]
    reads = {_name(spec, spec.source) for spec in layers} - {None}
    elsewhere = {
        atom.name for name, spec in space.tensors.items() if name not in before.values() for atom in spec.atoms()
    }
    streams = {_name(spec, spec.target) for spec in layers} & reads & elsewhere
    if len(layers) > 1 and streams:
        slots = ["bias", *(["mean", "shift"] if any(spec.slot == "mean" for spec in specs.values()) else [])]
        return {rest: _quiet(spec, weights[before[rest]], streams, slots) for rest, spec in specs.items()}
    if len(layers) == 1:
        return {rest: _copying(space, spec, weights[before[rest]], before[rest]) for rest, spec in specs.items()}
    raise ValueError(f"{next(iter(before.values()))!r} stands in no residual block, so that a new one can't be silent.")


def _name(spec: TensorSpec, axes: tuple[int, ...]) -> str | None:
    axis = spec.axes[axes[0]] if len(axes) == 1 else None
    return axis.name if isinstance(axis, Atom) else None


def _quiet(spec: TensorSpec, tensor: Tensor, streams: set[str | None], slots: Sequence[str]) -> Tensor:
    """Zero for what leads into the stream: layers, and vectors of these slots."""
    into = _name(spec, spec.target) in streams
    return torch.zeros_like(tensor) if into and (spec.role == "weight" or spec.slot in slots) else tensor.clone()


def _copying(space: WeightSpace, spec: TensorSpec, tensor: Tensor, name: str) -> Tensor:
    """The identity from a layer's neurons to as many new ones."""
    if spec.role == "vector" and spec.slot == "bias":
        return torch.zeros_like(tensor)
    if spec.role != "weight" or len(spec.axes) != 2 or not isinstance(spec.axes[0], Atom):
        raise ValueError(f"A layer with {name!r} can't be doubled: only linear layers with a bias can.")
    activation = space.sites[spec.target_site or 0].activation
    if activation not in _IDEMPOTENT:
        raise ValueError(f"After {name!r} comes {activation}, which does more when it acts twice; relu would not.")
    return torch.eye(tensor.shape[0], dtype=tensor.dtype, device=tensor.device)
