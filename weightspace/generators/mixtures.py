"""New nets as averages of training nets: copies, soups, interpolations, the mean."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from weightspace.align import align
from weightspace.generators.bank import Bank, BankConfig
from weightspace.generators.draws import Draws
from weightspace.space import WeightSpace


@dataclass(frozen=True)
class SoupConfig(BankConfig):
    """What a `Soup` is told.

    Args:
        members: training nets in each average; 1 gives training nets.
        matched: bring all members of an average to its first one, each by the symmetry that makes it nearest.
        even: all members weigh the same; otherwise weights are drawn evenly from all that add up to 1.
    """

    members: int = 2
    matched: bool = True
    even: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.members <= max(1, self.seen):
            raise ValueError(f"members must be 1 to {self.seen}, the training nets, got {self.members}.")


class Soup(Bank):
    """Averages of ``members`` training nets drawn at random, plus noise.

    With one member a training net and noise, with two and uneven weights an interpolation. ``noise`` is in units of
    each tensor's root mean square. Matched nets are the same for every number of nets up to the precision of the
    matching. Wortsman et al. 2022, "Model soups", on nets brought together as in Ainsworth et
    al. 2023, "Git Re-Basin".
    """

    Config: ClassVar[type[SoupConfig]] = SoupConfig
    config: SoupConfig

    def __init__(self, config: SoupConfig):
        super().__init__(config)
        self.least = config.members

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        c, chosen = self.config, draws.choose(near, self.config.members)
        shares = self.nets.new_full((len(draws), c.members), 1 / c.members)
        if not c.even and c.members > 1:
            shares = -draws.uniform(c.members).clamp_min(1e-12).log()
            shares = shares / shares.sum(1, keepdim=True)
        rows = self._averages(space, chosen, shares.to(self.nets))
        return self.noised(rows, self.tensor_sizes(self.nets[near]), draws), self.counts[chosen[:, 0]]

    def _averages(self, space: WeightSpace, chosen: Tensor, shares: Tensor) -> Tensor:
        first = self.nets[chosen[:, 0]]
        total = shares[:, :1] * first
        for member in range(1, chosen.shape[1]):
            other = self.nets[chosen[:, member]]
            if self.config.matched and space.free:
                other = self._brought(space, first, other)
            total = total + shares[:, member : member + 1] * other
        return total

    def _brought(self, space: WeightSpace, fixed: Tensor, moved: Tensor) -> Tensor:
        """The nets of ``moved``, each brought as near as possible to its partner by a symmetry."""
        one, other = self.vectors.weights(fixed), self.vectors.weights(moved)
        return self.vectors.rows(space.apply(align(space, one, other), other))


class MeanNet(Bank):
    """The mean of the training nets that count, every time, plus noise in units of each tensor's root mean square."""

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        rows = self.nets[near].mean(0).expand(len(draws), -1)
        counts = self.counts[near[:1]].expand(len(draws), -1)
        return self.noised(rows, self.tensor_sizes(self.nets[near]), draws), counts


class Retrieval(Bank):
    """The training nets nearest to the prompt, one after the other; without a prompt any of them."""

    def mix(self, space: WeightSpace, draws: Draws, near: Tensor) -> tuple[Tensor, Tensor]:
        chosen = draws.choose(near, 1)[:, 0]
        return self.noised(self.nets[chosen], self.tensor_sizes(self.nets[near]), draws), self.counts[chosen]
