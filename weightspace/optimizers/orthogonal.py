"""The nearest orthogonal matrix, by products alone."""

import torch
from jaxtyping import Float
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that Muon iterates (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks")."""


def orthogonalized(matrix: Float[Tensor, "out *inner"], steps: int = 5) -> Float[Tensor, "out *inner"]:
    """A matrix with its singular values brought near 1 and unit root mean square; inner axes count as one.

    Newton-Schulz iteration in Muon's coefficients, which leave singular values between .7 and 1.2.
    """
    a, b, c = COEFFICIENTS
    x = matrix.flatten(1)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / torch.linalg.vector_norm(x).clamp_min(1e-20)
    for _ in range(steps):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)  # a x + (b s + c s s) x
    x = x if wide else x.T
    size = torch.linalg.vector_norm(x) / x.numel() ** 0.5
    return (x / size.clamp_min(1e-20)).reshape(matrix.shape)
