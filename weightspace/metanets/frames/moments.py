"""Sum, sum of squares, largest and smallest of dense messages at both ends of their edges."""

from typing import Any

import torch
from torch import Tensor


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
