"""New nets from densities fitted to training nets."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from weightspace.generators.bank import Bank, BankConfig
from weightspace.generators.draws import Draws
from weightspace.space import WeightSpace


class KernelDensity(Bank):
    """A training net drawn at random plus noise, in units of each weight's spread over the training nets that count.

    A Gaussian kernel density with a diagonal kernel of bandwidth ``noise``, as the baseline of Schürholt et al. 2022,
    "Hyper-representations as generative models".
    """

    needs: ClassVar[int] = 2

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        chosen = draws.choose(near, 1)[:, 0]
        return self.noised(self.nets[chosen], self.nets[near].std(0), draws), self.counts[chosen]


class LayerGaussian(Bank):
    """Every parameter drawn by itself from a normal distribution with the mean and spread of its tensor."""

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        rows, v = self.nets[near], self.vectors
        means = torch.stack([part.mean() for part in rows.split(v.sizes, 1)])
        spreads = torch.stack([part.std(correction=0) for part in rows.split(v.sizes, 1)])
        drawn = v.per_tensor(means) + v.per_tensor(spreads) * draws.normal(rows.shape[1])
        found = torch.where(v.learned.to(rows.device), drawn, rows.mean(0))
        return found, self.counts[near[:1]].expand(len(draws), -1)


@dataclass(frozen=True)
class PrincipalDensityConfig(BankConfig):
    """What a `PrincipalDensity` is told.

    Args:
        components: directions that are kept.
    """

    components: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.components < 1:
            raise ValueError(f"components must be 1 or more, got {self.components}.")


class PrincipalDensity(Bank):
    """A kernel density along the main directions in which the training nets differ; nothing across them.

    ``noise`` is the bandwidth in units of the spread along each direction.
    """

    Config: ClassVar[type[PrincipalDensityConfig]] = PrincipalDensityConfig
    config: PrincipalDensityConfig
    needs: ClassVar[int] = 2

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        rows, chosen = self.nets[near], draws.choose(torch.arange(len(near)), 1)[:, 0]
        mean = rows.mean(0)
        *_, axes = torch.linalg.svd(rows - mean, full_matrices=False)
        axes = axes[: self.config.components]
        scores = (rows - mean) @ axes.T
        drawn = scores[chosen] + self.config.noise * draws.normal(len(axes)) * scores.std(0)
        learned = torch.where(self.vectors.learned.to(rows.device), mean + drawn @ axes, rows[chosen])
        return learned, self.counts[near[chosen]]
