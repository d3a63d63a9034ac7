"""Features made comparable by their rank among the training nets."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RankScaling(nn.Module):
    r"""Each feature as the normal score of its rank among training nets, beside its clipped standard score.

    $f \mapsto (\Phi^{-1}(\hat F(f)), \operatorname{clip}((f - \mu) / \sigma))$ with $\hat F$ the distribution of the
    training nets, interpolated between quantiles. Monotone, so nothing is lost, and bounded, so that a net unlike all
    others can't lead a predictor astray.

    Args:
        features: how many.
        knots: quantiles that are kept of each.
    """

    knots: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, features: int, knots: int = 33):
        super().__init__()
        self.register_buffer("knots", torch.linspace(-2, 2, knots).repeat(features, 1))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, features: Float[Tensor, "nets features"]) -> None:
        """Set quantiles, mean and standard deviation from training nets."""
        mean, std = features.mean(0), features.std(0, correction=0)
        levels = torch.linspace(0, 1, self.knots.shape[1], dtype=features.dtype, device=features.device)
        # quantiles that (nearly) coincide are moved apart, or rounding errors would become differences in rank
        apart = 1e-3 * std + 1e-6 * mean.abs() + 1e-7
        knots = torch.quantile(features, levels, dim=0) + apart * torch.arange(len(levels)).to(features)[:, None]
        self.knots.copy_(knots.T)
        self.mean.copy_(mean)
        self.std.copy_(std + 1e-5 * mean.abs() + 1e-6)

    def forward(self, features: Float[Tensor, "nets features"]) -> Float[Tensor, "nets twice"]:
        features = features.float() if features.dtype in (torch.bfloat16, torch.float16) else features
        knots = self.knots.to(features.dtype)
        rank = _rank(features, knots)
        score = torch.special.ndtri(rank.clamp(0.005, 0.995))
        standard = ((features - self.mean.to(features.dtype)) / self.std.to(features.dtype)).clamp(-4, 4)
        return torch.cat([score, standard], 1)


def _rank(features: Tensor, knots: Tensor) -> Tensor:
    columns, last = features.T.contiguous(), knots.shape[1] - 1
    below = (torch.searchsorted(knots, columns) - 1).clamp(0, last - 1)
    left, right = knots.gather(1, below), knots.gather(1, below + 1)
    return ((below + ((columns - left) / (right - left)).clamp(0, 1)) / last).T
