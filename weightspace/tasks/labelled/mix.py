"""MixUp of nets: weights and targets of two nets, in the same proportion."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor


def mix_nets(
    weights: Mapping[str, Tensor],
    targets: Shaped[Tensor, "nets ..."],
    alpha: float,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, Tensor], Shaped[Tensor, "nets ..."]]:
    r"""Every net is mixed with another one of its stack, entry by entry.

    $\theta_i \leftarrow \lambda_i \theta_i + (1 - \lambda_i) \theta_{\pi(i)}$ and the same for the targets, with
    $\lambda_i \sim \mathrm{Beta}(\alpha, \alpha)$ and a random order $\pi$. The nets aren't aligned first: halfway
    between two nets from different initialisations lies, in general, no net that works. Integer tensors stay.
    Zhang et al. 2018, "mixup: Beyond empirical risk minimization"; for weights Shamsian et al. 2024.

    Args:
        weights: of N nets of one space.
        targets: a row for every net.
        alpha: 0.2 keeps most nets nearly as they are, 1 draws the proportion uniformly.
        generator: on the CPU; None draws from torch's default one.

    Raises:
        ValueError: alpha isn't above 0, or the targets aren't floating numbers.
    """
    if alpha <= 0:
        raise ValueError(f"alpha must be above 0, got {alpha}.")
    if not targets.is_floating_point():
        raise ValueError(
            f"MixUp needs targets that can be mixed, got {targets.dtype}. Make classes one-hot rows first."
        )
    nets = len(targets)
    seed = int(torch.randint(2**62, (), generator=generator))
    own = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, nets))
    other = torch.randperm(nets, generator=generator)

    def mixed(tensor: Tensor) -> Tensor:
        share = own.to(tensor).reshape(-1, *[1] * (tensor.ndim - 1))
        return torch.lerp(tensor[other.to(tensor.device)], tensor, share)

    return {k: mixed(v) if v.is_floating_point() else v for k, v in weights.items()}, mixed(targets)
