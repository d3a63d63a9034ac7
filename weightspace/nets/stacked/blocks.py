"""Sums over the channels of a stack that don't depend on how many nets are in it.

PyTorch adds up blocks of channels in another order than what is left over after them, and a net's channels would lie in
one or the other by the size of its stack. Filled up with channels of zeros to whole blocks, nothing is left over.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

BLOCK = 64  # channels: four of the widest vectors


def mean_pixels(x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels"]:
    """The mean over the pixels of channels-last images."""
    return fill_blocks(x).mean((2, 3))[:, : x.shape[1]]


def batch_norm(
    norm: nn.BatchNorm1d | nn.BatchNorm2d,
    x: Float[Tensor, "batch channels *pixels"],
    mean: Float[Tensor, " channels"],
    var: Float[Tensor, " channels"],
    scale: Float[Tensor, " channels"] | None = None,
    shift: Float[Tensor, " channels"] | None = None,
    training: bool = False,
) -> Float[Tensor, "batch channels *pixels"]:
    """Batch norm of all channels of a stack; in training it updates ``mean`` and ``var`` in place."""
    assert norm.momentum is not None
    if not training:
        return functional.batch_norm(x, mean, var, scale, shift, False, norm.momentum, norm.eps)
    channels = x.shape[1]
    running = [fill_blocks(row.unsqueeze(0))[0] for row in (mean, var)]
    affine = [None if row is None else fill_blocks(row.unsqueeze(0))[0] for row in (scale, shift)]
    out = functional.batch_norm(fill_blocks(x), *running, *affine, True, norm.momentum, norm.eps)  # pyright: ignore
    if channels % BLOCK:
        mean.copy_(running[0][:channels])
        var.copy_(running[1][:channels])
    out = _laid_out(out.movedim(1, -1)[..., :channels].movedim(-1, 1))
    if out.requires_grad:
        out.register_hook(_laid_out)
    return out


def _laid_out(x: Tensor) -> Tensor:
    """Channels last, without gaps: what is strided goes through other loops, which round otherwise."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def fill_blocks(x: Float[Tensor, "batch channels *pixels"]) -> Float[Tensor, "batch more_channels *pixels"]:
    """Channels of zeros after the others, up to whole blocks; images stay channels-last."""
    left_over = -x.shape[1] % BLOCK
    return functional.pad(x.movedim(1, -1), (0, left_over)).movedim(-1, 1) if left_over else x
