"""Checkpoints of people's own nets, read into stacks, a weight space each."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weightspace.checkpoints import fit_checkpoint, nonfinite_tensors, read_checkpoint
from weightspace.space import WeightSpace

Stack = dict[str, Tensor]

_REMEDY = "Give the checkpoints of this module alone, or the module that they were trained as."


def read_nets(
    files: Sequence[Path], space: WeightSpace, warn: Callable[[str], None] = lambda message: None
) -> tuple[dict[WeightSpace, Stack], list[dict[str, Any]]]:
    """The nets in checkpoints, stacked a weight space.

    Args:
        space: of the module that they are of; layers may be wider or narrower.
        warn: is told of nets that aren't finite, which are left out.

    Returns:
        The stacks, and for each net, those of the first space first, ``{"net", "file", "checksum"}``.

    Raises:
        ValueError: a file that can't be read or isn't of the module; no net that is finite.
    """
    nets: dict[WeightSpace, list[Stack]] = {}
    rows: dict[WeightSpace, list[dict[str, Any]]] = {}
    for number, file in enumerate(files):
        own, weights = _read(file, space)
        if broken := nonfinite_tensors(weights):
            warn(f"{file} is left out: {', '.join(broken[:5])} must be finite and hold infinities or NaN.")
            continue
        nets.setdefault(own, []).append(weights)
        rows.setdefault(own, []).append({"net": number, "file": str(file), "checksum": _checksum(weights)})
    if not nets:
        raise ValueError(f"One net at least must be finite; none of the {len(files)} checkpoints is.")
    stacks = {
        own: {name: torch.stack([net[name] for net in some]) for name in own.tensors} for own, some in nets.items()
    }
    return stacks, [row for own in stacks for row in rows[own]]


def _read(file: Path, space: WeightSpace) -> tuple[WeightSpace, Stack]:
    weights, note = read_checkpoint(file)
    try:
        own, weights = fit_checkpoint([space], weights, widths=True, remedy=_REMEDY)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if note.get("space", own.hash) != own.hash:
        raise ValueError(
            f"{file} must be of the module's weight space {own.hash}, but was saved as one of {note['space']}: its "
            "activations or other settings differ. Give the module that it was trained as."
        )
    return own, weights


def _checksum(weights: Stack) -> str:
    digest = hashlib.sha256()
    for name, tensor in weights.items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
