"""Rendering implicit representations."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.data import grid_coordinates
from weightspace.nets import build_net

from .convention import Convention
from .stacked import run_stack

MOST_VALUES = 2_000_000


@torch.no_grad()
def render(
    weights: Mapping[str, Tensor], convention: Convention, resolution: int | Sequence[int] | None = None
) -> Float[Tensor, "*nets_channels_points"]:
    """Evaluates one net, or a stack, on a grid.

    Args:
        weights: of one net, or of N with a leading axis.
        convention: of their zoo.
        resolution: points along each axis, one number for all; that of the fit if None.

    Shapes:
        out: ``[channels, *resolution]``, with a leading ``N`` for a stack.

    Raises:
        ValueError: a resolution with another number of axes than the convention's.

    Example:
        >>> pictures = render(zoo.weights(range(16)), zoo.convention, 128)
    """
    shape = _shape(convention, resolution)
    net = build_net(convention.net, **convention.settings).eval()
    name, parameter = next(iter(net.named_parameters()))
    single = weights[name].dim() == parameter.dim()
    stack = {key: tensor.unsqueeze(0) if single else tensor for key, tensor in weights.items()}
    points = grid_coordinates(shape, convention.grid).to(weights[name].device)
    nets = len(stack[name])
    step = max(1, MOST_VALUES // max(1, nets * 32))
    values = torch.cat([run_stack(net, stack, part) for part in points.split(step)], 1)
    pictures = values.transpose(1, 2).reshape(nets, values.shape[2], *shape)
    return pictures[0] if single else pictures


def _shape(convention: Convention, resolution: int | Sequence[int] | None) -> tuple[int, ...]:
    if resolution is None:
        return convention.shape
    shape = (resolution,) * len(convention.shape) if isinstance(resolution, int) else tuple(resolution)
    if len(shape) != len(convention.shape):
        raise ValueError(f"resolution must have {len(convention.shape)} axes, but {shape} came")
    return shape
