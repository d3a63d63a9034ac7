"""Weights in general position: in float64, with nothing zero, one or equal that needn't be."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.space.computation.copies import as_double


def in_general_position(tensors: Mapping[str, Tensor], ties: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors in float64 in general position; those that share memory stay equal."""
    weights = {name: as_double(tensor) for name, tensor in tensors.items()}
    _randomize({name: tensor for name, tensor in weights.items() if name not in ties})
    return {
        name: made_of_tie(weights, ties[name], tensor) if name in ties else tensor for name, tensor in weights.items()
    }


def made_of_tie(weights: Mapping[str, Tensor], tie: Any, own: Tensor) -> Tensor:
    """A tensor that lies in another one's memory, made from that one; as it is, where they overlap in another way."""
    if tie.order is None or tie.first not in weights:
        return own
    return weights[tie.first].permute(tie.order)


def without_twins(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state with each tensor of the module under one name, for the module's own ties."""
    seen: dict[int, str] = {}
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    for name, tensor in named:
        seen.setdefault(id(tensor), name)
    first = set(seen.values())
    return {name: tensor for name, tensor in state.items() if name in first}


def _randomize(state: dict[str, Tensor]) -> None:
    """Put constant tensors and norm statistics into general position; every tensor that is seen keeps its scale."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in state.items():
        if not tensor.is_floating_point() or tensor.numel() < 2 or tensor.layout != torch.strided:
            continue
        statistics = "running" in name or "var" in name.rsplit(".", 1)[-1]
        if statistics or (
            bool(tensor.flatten()[0] == tensor.flatten()[-1]) and bool((tensor == tensor.flatten()[0]).all())
        ):
            noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device)
            level = tensor.flatten()[0].abs().clamp(1e-2, 1e2) if not statistics else torch.ones(())
            tensor.copy_((0.5 + noise) * level if "var" in name or tensor.flatten()[0] else (noise - 0.5))
