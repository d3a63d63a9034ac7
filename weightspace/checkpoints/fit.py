"""Which weight space a checkpoint is of, and its weights as that space wants them."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from weightspace.checkpoints.widths import with_widths
from weightspace.space import TensorSpec, WeightSpace

SHOWN = 5
"""Tensors that an error names."""


def fit_checkpoint(
    spaces: Iterable[WeightSpace],
    weights: Mapping[str, Tensor],
    wanted: str | None = None,
    *,
    widths: bool = False,
    remedy: str = "Give a checkpoint of the same architecture.",
) -> tuple[WeightSpace, dict[str, Tensor]]:
    """The one of `spaces` that the weights are of, and the weights with its names, order and types.

    A prefix that all names share is removed or added, ``num_batches_tracked`` that is missing becomes 0, and floating
    types are converted to the space's.

    Args:
        wanted: the beginning of the hash of the space, where tensors alone don't tell.
        remedy: the last sentence of the error where none fits.
        widths: also take weights whose layers are wider or narrower; the space returned has their widths.

    Raises:
        ValueError: no space fits, with the tensors that differ from the nearest; or several do.
    """
    spaces = _named(tuple(spaces), wanted)
    given = {space: _renamed(space, weights) for space in spaces}
    differing = {space: _differences(space, given[space]) for space in spaces}
    if widths and all(differing.values()):
        given |= {own: given[space] for space in spaces if (own := with_widths(space, given[space])) is not None}
        differing = {space: _differences(space, given[space]) for space in given}
    fitting = [space for space in differing if not differing[space]]
    if not fitting:
        raise ValueError(f"{_misfit(min(differing.values(), key=len), len(spaces))} {remedy}")
    if len(fitting) > 1:
        choices = ", ".join(describe_space(space) for space in fitting)
        raise ValueError(
            f"The tensors must fit one weight space, but fit {len(fitting)}: {choices}. Say which one it is by the "
            "module (--module MODULE:NAME) or the beginning of the hash (--space), or save the file with the metadata "
            "{'space': hash}."
        )
    return fitting[0], _converted(fitting[0], given[fitting[0]])


def describe_space(space: WeightSpace) -> str:
    """A weight space in a few words: its hash and its activations."""
    activations = sorted({site.activation for site in space.sites} - {"none"})
    return f"{space.hash[:12]} ({' and '.join(activations) or 'no activation'})"


def nonfinite_tensors(weights: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors with an entry that is infinite or NaN."""
    return [name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())]


def _named(spaces: tuple[WeightSpace, ...], wanted: str | None) -> tuple[WeightSpace, ...]:
    if wanted is None:
        return spaces
    found = tuple(space for space in spaces if space.hash.startswith(wanted))
    if not found:
        known = ", ".join(describe_space(space) for space in spaces)
        raise ValueError(f"The weight space must be one of {known}; got {wanted!r}.")
    return found


def _renamed(space: WeightSpace, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the prefix that all names have too much, or too little; counters that are missing are 0."""
    found = dict(weights)
    if space.tensors and not set(found) & set(space.tensors):
        first = next(iter(space.tensors))
        longer = next((name.removesuffix(first) for name in found if name.endswith("." + first)), None)
        shorter = next((first.removesuffix(name) for name in found if first.endswith("." + name)), None)
        if longer and all(name.startswith(longer) for name in found):
            found = {name.removeprefix(longer): tensor for name, tensor in found.items()}
        elif shorter and all(name.startswith(shorter) for name in space.tensors):
            found = {shorter + name: tensor for name, tensor in found.items()}
    for name, spec in space.tensors.items():
        if name.endswith("num_batches_tracked") and not spec.axes:
            found.setdefault(name, torch.zeros((), dtype=torch.int64))
    return found


def _differences(space: WeightSpace, weights: Mapping[str, Tensor]) -> list[str]:
    found = [text for name, spec in space.tensors.items() if (text := _difference(name, spec, weights.get(name)))]
    unknown = [name for name in weights if name not in space.tensors]
    return found + [f"{name!r} of shape {tuple(weights[name].shape)} isn't known" for name in unknown]


def _difference(name: str, spec: TensorSpec, tensor: Tensor | None) -> str:
    shape = tuple("?" if size is None else size for size in spec.shape)
    if tensor is None:
        return f"{name!r} of shape {shape} is missing"
    given = tuple(tensor.shape)
    if len(given) != len(shape) or any(want not in ("?", got) for want, got in zip(shape, given, strict=True)):
        return f"{name!r} must have the shape {shape}, got {given}"
    if tensor.is_floating_point() != getattr(torch, spec.dtype).is_floating_point:
        return f"{name!r} must be of {spec.dtype}, got {str(tensor.dtype).removeprefix('torch.')}"
    return ""


def _converted(space: WeightSpace, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: weights[name].to(getattr(torch, spec.dtype)) for name, spec in space.tensors.items()}


def _misfit(differing: list[str], spaces: int) -> str:
    more = f", and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    which = f"any of the {spaces} weight spaces; from the nearest" if spaces > 1 else "the weight space;"
    return f"The weights don't fit {which} {len(differing)} tensors differ: {'; '.join(differing[:SHOWN])}{more}."
