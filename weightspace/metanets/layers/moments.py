"""Sum, sum of squares, largest and smallest of messages at both ends of their edges."""

from typing import Any

import torch
from torch import Tensor

from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.frames.frame import Frame


def moments(frame: Frame, messages: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Sum, sum of squares, largest and smallest of the messages at their targets, and at their sources.

    Shapes:
        a tensor ``[..., width]`` for each group of edges in; twice four tensors ``[..., width]`` for the nodes out.
    """
    found = [_of_group(frame, number, message) for number, message in enumerate(messages)]
    ends = []
    for first, gather in ((0, frame.to_targets), (4, frame.to_sources)):
        total, squares, high, low = ([part[first + n] for part in found] for n in range(4))
        ends.append([gather(total), gather(squares), gather(high, "max"), -gather([-part for part in low], "max")])
    return ends[0], ends[1]


def _of_group(frame: Frame, number: int, message: Tensor) -> tuple[Tensor, ...]:
    """What is gathered of a group's messages: of a block, what its ends have got of them already."""
    if not isinstance(frame, DenseFrame):
        return (message, message.square(), message, message) * 2
    at_ends = block_moments(message)
    if frame.paired(frame.edges[number]):
        return (*at_ends[:4], message, message.square(), message, message)
    return at_ends


def block_moments(messages: Tensor) -> tuple[Tensor, ...]:
    """Sum, sum of squares, largest and smallest over the sources, then the same four over the targets.

    One pass back instead of one for each of the eight. Where several are largest, each gets the gradient.

    Shapes:
        in ``[nets, targets, sources, width]``, out four times ``[nets, targets, 1, width]`` and four times
        ``[nets, 1, sources, width]``.
    """
    return _Moments.apply(messages)


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, messages: Tensor) -> tuple[Tensor, ...]:
        squares, found = messages.square(), []
        for dim in (2, 1):
            found += [messages.sum(dim, keepdim=True), squares.sum(dim, keepdim=True)]
            found += [messages.amax(dim, keepdim=True), messages.amin(dim, keepdim=True)]
        ctx.save_for_backward(messages, found[2], found[3], found[6], found[7])
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        messages, *extremes = ctx.saved_tensors
        grad = torch.addcmul(grads[0] + grads[4], messages, 2 * grads[1] + 2 * grads[5])
        for extreme, part in zip(extremes, (grads[2], grads[3], grads[6], grads[7]), strict=True):
            grad.add_(torch.where(messages == extreme, part, 0.0))
        return grad
