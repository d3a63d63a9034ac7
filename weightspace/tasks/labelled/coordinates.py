"""Moving what an implicit representation shows, exactly, by moving the coordinates that its first layer reads."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.space import WeightSpace


def move_coordinates(
    space: WeightSpace,
    weights: Mapping[str, Tensor],
    matrix: Float[Tensor, "nets axes axes"],
    offset: Float[Tensor, "nets axes"],
) -> dict[str, Tensor]:
    r"""Weights of $f'(x) = f(A x + t)$: the first layer $W (A x + t) + b$ becomes $(W A)\, x + (b + W t)$.

    Args:
        space: of nets whose inputs are coordinates, read by linear layers with biases (SIREN, MLP).
        weights: of N nets.
        matrix: A, one for each net, or one for all ``[1, axes, axes]``.
        offset: t.

    Raises:
        ValueError: the inputs are read by something else (a convolution, fixed Fourier features).
    """
    found = dict(weights)
    for name, bias in first_layers(space).items():
        first = weights[name]
        found[name] = first @ matrix.to(first)
        found[bias] = weights[bias] + (first @ offset.to(first).unsqueeze(-1)).squeeze(-1)
    return found


def first_layers(space: WeightSpace) -> dict[str, str]:
    """The linear layers that read the inputs: for each weight's name its bias's.

    Raises:
        ValueError: something else reads the inputs, or a layer has no bias; it names the tensor.
    """
    inputs = {number for number, site in enumerate(space.sites) if site.kind == "input"}
    found = {}
    for name, spec in space.tensors.items():
        if not inputs & set(spec.source_sites):
            continue
        biases = [
            other
            for other, vector in space.tensors.items()
            if vector.slot == "bias" and vector.target_site == spec.target_site and vector.axes == spec.axes[:1]
        ]
        plain = len(spec.axes) == 2 and (spec.target, spec.source) == ((0,), (1,)) and not spec.buffer
        if not plain or len(spec.source_sites) != 1 or len(biases) != 1:
            raise ValueError(
                f"Coordinates can be moved where linear layers with a bias read them; {name!r} "
                f"({' '.join(map(str, spec.axes))}) isn't one. Leave rotate, shift and zoom at 0 for such nets."
            )
        found[name] = biases[0]
    if not found:
        raise ValueError(
            "Coordinates can be moved where linear layers read them; no tensor of this space reads inputs."
        )
    return found


def draw_movement(
    space: WeightSpace, nets: int, rotate: float, shift: float, zoom: float, generator: torch.Generator | None
) -> tuple[Float[Tensor, "nets axes axes"], Float[Tensor, "nets axes"]]:
    """A random matrix and offset for every net, in float64; see `AugmentConfig` for the numbers.

    Raises:
        ValueError: there is one coordinate, and rotations were asked for.
    """
    axes = space.tensors[next(iter(first_layers(space)))].shape[1] or 1
    if rotate and axes < 2:
        raise ValueError("One coordinate can't be rotated. Leave rotate at 0.")

    def uniform(*shape: int) -> Tensor:
        return torch.rand(nets, *shape, generator=generator, dtype=torch.float64) * 2 - 1

    matrix = torch.eye(axes, dtype=torch.float64).repeat(nets, 1, 1)
    if rotate:
        plane = torch.linalg.qr(torch.randn(nets, axes, 2, generator=generator, dtype=torch.float64)).Q
        matrix = _rotation(plane, math.radians(rotate) * uniform())
    matrix = matrix * torch.exp(math.log1p(zoom) * uniform(1, 1))
    return matrix, shift * uniform(axes)


def _rotation(plane: Float[Tensor, "nets axes 2"], angle: Float[Tensor, "nets"]) -> Float[Tensor, "nets axes axes"]:
    """By `angle` from the first of two orthonormal vectors to the second; the rest of the space stays."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=plane.dtype)
    inside = (angle.cos() - 1)[:, None, None] * torch.eye(2, dtype=plane.dtype) + angle.sin()[:, None, None] * turn
    return torch.eye(plane.shape[1], dtype=plane.dtype) + plane @ inside @ plane.mT
