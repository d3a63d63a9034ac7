"""What an untrained net does to images: the derivative of its outputs by its inputs."""

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.nets import Architecture

SCALE = 1
"""Columns beside the Jacobian's own: the logarithm of its size."""


def data_jacobian(net: torch.nn.Module, x: Float[Tensor, "images ..."]) -> Float[Tensor, "images pixels"]:
    """The derivative of the sum of a net's outputs by each image, in the mode in which the net is."""
    x = x.detach().clone().requires_grad_()
    (found,) = torch.autograd.grad(net(x).sum(), x)
    return found.flatten(1)


def jacobian_rows(
    architecture: Architecture, x: Float[Tensor, "images ..."], inits: int, columns: int, seed: int
) -> Float[Tensor, "inits images width"]:
    r"""A row for each image, from fresh weights of an architecture: what its embedding is learned from.

    With $J = U S V^\top$ a row is $|U S|$, divided by the Jacobian's root mean square, and the logarithm of that: of
    the same width for images of any size, and without the signs that a singular value decomposition leaves open. After
    Hesslow and Poli 2021, "Contrastive embeddings for neural architectures" (extended projected data Jacobians).

    Args:
        columns: singular vectors that are kept.

    Raises:
        ValueError: fewer images or pixels than columns, or no weights to draw.
    """
    if min(len(x), x[0].numel()) < columns or columns < 1 or inits < 1:
        raise ValueError(
            f"Columns must be from 1 to the smaller of {len(x)} images and {x[0].numel()} pixels, and inits 1 or more, "
            f"got {columns} and {inits}."
        )
    found = []
    for number in range(inits):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1000 + number)
            net = architecture.build().to(x.dtype).train()
        jacobian = data_jacobian(net, x)
        size = jacobian.square().mean().sqrt().clamp(min=1e-20)
        left, values, _ = torch.linalg.svd(jacobian / size, full_matrices=False)
        rows = (left[:, :columns] * values[:columns]).abs()
        found.append(torch.cat([rows, size.log().expand(len(x), SCALE)], 1))
    return torch.stack(found)


def spectrum(rows: Float[Tensor, "inits images width"]) -> Float[Tensor, " width"]:
    """The same without learning: logarithms of the Jacobian's singular values and of its size, means over weights."""
    values = rows[..., :-SCALE].square().sum(1).sqrt().clamp(min=1e-6).log()
    return torch.cat([values, rows[:, 0, -SCALE:]], 1).mean(0)
