"""Rendering implicit representations."""

import functools
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from weightspace.inr.convention import Convention
from weightspace.nets import Architecture
from weightspace.nets.stacked.run import run_stack

MOST_VALUES = 2_000_000


def render_stack(
    weights: Mapping[str, Tensor], convention: Convention, points: Float[Tensor, "*nets points axes"]
) -> Float[Tensor, "nets channels points"]:
    """Evaluates a stack of nets at any points, differentiably: in the weights and in the points.

    What a loss on pictures of changed weights is made of; ``render`` is this on a grid, without gradients.

    Args:
        weights: of N nets, with a leading axis.
        convention: of their zoo.
        points: coordinates that all nets share, ``[points, axes]``, or each net its own, ``[N, points, axes]``.

    Examples:
        >>> values = render_stack(weights, zoo.convention, zoo.convention.points())  # [N, 1, 784]
    """
    return run_stack(_net(convention.architecture), dict(weights), points).transpose(1, 2)


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

    Examples:
        >>> pictures = render(zoo.weights(range(16)), zoo.convention, 128)
    """
    shape = _shape(convention, resolution)
    net = _net(convention.architecture)
    name, parameter = next(iter(net.named_parameters()))
    single = weights[name].dim() == parameter.dim()
    stack = {key: tensor.unsqueeze(0) if single else tensor for key, tensor in weights.items()}
    points = convention.points(shape).to(weights[name].device)
    nets = len(stack[name])
    step = max(1, MOST_VALUES // max(1, nets * 32))
    values = torch.cat([render_stack(stack, convention, part) for part in points.split(step)], 2)
    pictures = values.reshape(nets, values.shape[1], *shape)
    return pictures[0] if single else pictures


@functools.lru_cache(maxsize=64)
def _net(architecture: Architecture) -> nn.Module:
    return architecture.build().eval()


def _shape(convention: Convention, resolution: int | Sequence[int] | None) -> tuple[int, ...]:
    if resolution is None:
        return convention.shape
    shape = (resolution,) * len(convention.shape) if isinstance(resolution, int) else tuple(resolution)
    if len(shape) != len(convention.shape):
        raise ValueError(f"resolution must have {len(convention.shape)} axes, got {shape}")
    return shape
