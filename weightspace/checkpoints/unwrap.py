"""Finds the weights in what a training program saved around them, and removes what wrappers put before names."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

NESTS = ("state_dict", "model_state_dict", "model_state", "model", "network", "net", "module", "weights", "params")
"""Keys under which training programs keep the weights, the likeliest first."""

_WRAPPERS = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


def clean_weights(found: object, path: str | Path) -> dict[str, Tensor]:
    """A plain dict of tensors from whatever a file held.

    Weights nested under one of `NESTS` are taken out; `torch.compile`'s ``_orig_mod.`` is removed wherever it stands
    and `DataParallel`'s ``module.`` where every name begins with it; floating types below 32 bits become float32.

    Args:
        path: of the file, for errors.

    Raises:
        ValueError: there are no tensors with names, a tensor is sparse or quantized, or two get the same name.
    """
    weights = _nested(found, path)
    names = {name: _WRAPPERS.sub("", name) for name in weights}
    while all(short.startswith("module.") for short in names.values()):
        names = {name: short.removeprefix("module.") for name, short in names.items()}
    if len(set(names.values())) < len(names):
        raise ValueError(f"{path} must hold one set of weights, but holds two, with and without a prefix.")
    return {names[name]: _plain(name, tensor, path) for name, tensor in weights.items()}


def _nested(found: object, path: str | Path, depth: int = 0) -> dict[str, Tensor]:
    if not isinstance(found, Mapping):
        kind = type(found).__name__
        raise ValueError(f"{path} must hold a dict of tensors by name (a state_dict), got a {kind}.")
    for key in NESTS if depth < 4 else ():
        if isinstance(found.get(key), Mapping) and found[key]:
            return _nested(found[key], path, depth + 1)
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor) and isinstance(name, str)}
    if not tensors:
        keys = ", ".join(map(repr, list(found)[:5])) or "nothing"
        raise ValueError(
            f"{path} must hold a dict of tensors by name, or one under {', '.join(NESTS)}; got a dict of {keys}."
        )
    return tensors


def _plain(name: str, tensor: Tensor, path: str | Path) -> Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise ValueError(f"{path}: the tensor {name!r} must be dense, got {tensor.layout} of {tensor.dtype}.")
    if tensor.is_complex():
        raise ValueError(f"{path}: the tensor {name!r} must hold real numbers, got {tensor.dtype}.")
    small = tensor.is_floating_point() and tensor.element_size() < 4
    return (tensor.float() if small else tensor).detach()
