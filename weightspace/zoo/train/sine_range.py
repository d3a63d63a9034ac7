"""How far out on the sine a SIREN goes."""

from collections.abc import Mapping
from itertools import repeat

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.nets.siren import SIREN

WIDEST_ANGLE = 1e4
"""Largest angle whose sine `siren.c` gets right; above it, float32 itself rounds an angle by 0.0005 and more."""

Stack = Mapping[str, Float[Tensor, "nets ..."]]


def widest_angles(net: SIREN, weights: Stack, coordinates: Float[Tensor, "points axes"]) -> Float[Tensor, " nets"]:
    """Largest absolute angle that each of N SIRENs takes a sine of, at any of the coordinates.

    Where sizes of weights alone show that no angle reaches `WIDEST_ANGLE`, that bound is given instead, as it costs
    next to nothing.
    """
    bounds = _bounds(net, weights, coordinates.abs().amax(0))
    for i in torch.nonzero(~(bounds <= WIDEST_ANGLE)).flatten().tolist():
        bounds[i] = _measured(net, {name: tensor[i].double() for name, tensor in weights.items()}, coordinates)
    return bounds


def _bounds(net: SIREN, weights: Stack, reach: Float[Tensor, " axes"]) -> Float[Tensor, " nets"]:
    """By the triangle inequality: no input of a layer is larger than ``reach``, and no sine than one."""
    bounds = []
    for layer, frequency in enumerate(_frequencies(net)):
        weight, bias = (weights[f"linears.{layer}.{kind}"] for kind in ("weight", "bias"))
        largest = (weight.abs() * (reach if layer == 0 else 1)).sum(2) + bias.abs()
        bounds.append(frequency * largest.amax(1))
    return torch.stack(bounds).amax(0)


def _measured(net: SIREN, weights: Mapping[str, Tensor], coordinates: Tensor) -> float:
    signal, largest = coordinates.double().T, 0.0
    for layer, frequency in enumerate(_frequencies(net)):
        angles = frequency * (weights[f"linears.{layer}.weight"] @ signal + weights[f"linears.{layer}.bias"][:, None])
        largest, signal = max(largest, float(angles.abs().max())), angles.sin()
    return largest


def _frequencies(net: SIREN) -> list[float]:
    return [net.config.w0, *repeat(net.config.w0_hidden, len(net.config.hidden) - 1)]
