"""Scales settled: which action first, and the factor that brings its neurons to one size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.space.forms.entries import Entry, Plan, entries_of, plan
from weightspace.space.weightspace import WeightSpace

_SWEEPS, _NEWTON = 500, 30


@dataclass(frozen=True, eq=False)
class Scales:
    """How the scales of a weight space are settled.

    Args:
        entries: for each action of the space the places where it multiplies.
        order: which scale next, and the places that decide its factor.
    """

    entries: tuple[tuple[Entry, ...], ...]
    order: Plan

    def __bool__(self) -> bool:
        """Whether the space has scales."""
        return bool(self.order.steps or self.order.rest)

    @property
    def tensors(self) -> tuple[str, ...]:
        """Every tensor that some scale multiplies."""
        actions = (*(index for index, _ in self.order.steps), *self.order.rest)
        return tuple(dict.fromkeys(entry.tensor for index in actions for entry in self.entries[index]))

    def settle(
        self, weights: dict[str, Tensor], stacked: bool, read: Callable[[Tensor], Tensor] = lambda tensor: tensor
    ) -> dict[int, Float[Tensor, "*nets neurons"]]:
        r"""Bring every neuron that may be scaled to one size of what feeds it; the weights in the mapping are replaced.

        Layer by layer $f_i = (\sum_k w_{ik}^2)^{-1/2}$ over all that feeds neuron $i$ and bears its factor; a neuron
        that nothing feeds keeps its scale. Where scales meet in every tensor, see `_settle_in_turns`.

        Args:
            weights: of one net, or stacked.
            read: what the factors are computed from, such as a copy in float64.

        Returns:
            For each scale what it multiplied.
        """
        factors: dict[int, Tensor] = {}
        for index, deciding in self.order.steps:
            total = torch.stack([e.sums(read(weights[e.tensor]) ** 2, stacked) for e in deciding]).sum(0)
            factors[index] = _to_one(total, deciding[0].power)
            self.multiply(weights, index, factors[index], stacked)
        return {**factors, **self._settle_in_turns(weights, stacked, read)}

    def multiply(self, weights: dict[str, Tensor], index: int, factor: Tensor, stacked: bool) -> None:
        """Act with one scale; the weights in the mapping are replaced."""
        for entry in self.entries[index]:
            weights[entry.tensor] = entry.multiply(weights[entry.tensor], factor**entry.power, stacked)

    def _settle_in_turns(
        self, weights: dict[str, Tensor], stacked: bool, read: Callable[[Tensor], Tensor]
    ) -> dict[int, Tensor]:
        """Scales that meet in every tensor, in turns until nothing changes.

        The sum of squares of all that they multiply is made smallest, which happens in one member of an orbit only, as
        it is convex in the logarithms of the scales (Kempf and Ness 1979, "The length of vectors in representation
        spaces").
        """
        touched = {entry.tensor for index in self.order.rest for entry in self.entries[index]}
        factors: dict[int, Tensor] = {}
        for _ in range(_SWEEPS if touched else 0):
            before = {name: weights[name] for name in touched}
            for index in self.order.rest:
                factor = _balancing(self.entries[index], weights, stacked, read)
                factors[index] = factors[index] * factor if index in factors else factor
                self.multiply(weights, index, factor, stacked)
            # not the factors: where heads and channels differ in number, one's constant undoes the other's for ever
            if all(_unchanged(before[name], weights[name]) for name in touched):
                break
        return factors


@lru_cache(maxsize=1024)
def scales_of(space: WeightSpace, mixed: frozenset[tuple[str, str | None]] = frozenset()) -> Scales:
    """How the scales of a space are settled.

    Args:
        mixed: pairs of a tensor and a name whose neurons matrices mix in it (see `plan`).
    """
    return Scales(entries_of(space), plan(space, "scale", mixed))


def _to_one(total: Tensor, power: int | float) -> Tensor:
    """The factors that make sums of squares 1; a sum of nothing keeps its own."""
    return torch.where(total > 0, total, torch.ones_like(total)) ** (-0.5 / power)


def _balancing(
    entries: Sequence[Entry], weights: Mapping[str, Tensor], stacked: bool, read: Callable[[Tensor], Tensor]
) -> Tensor:
    """Factors under which the entries with positive powers weigh as much as those with negative ones."""
    sums: dict[int | float, Tensor] = {}
    for entry in entries:
        sums[entry.power] = sums.get(entry.power, 0) + entry.sums(read(weights[entry.tensor]) ** 2, stacked)
    if min(sums) > 0 or max(sums) < 0:  # nothing to balance with: norm 1, as elsewhere
        power, total = next(iter(sums.items()))
        return _to_one(total, power)
    up, down = (torch.stack([s for p, s in sums.items() if p * sign > 0]).sum(0) for sign in (1, -1))
    alive = (up > 0) & (down > 0)
    ratio = torch.where(alive, down, 1.0) / torch.where(alive, up, 1.0)
    logs = ratio.log() / 4  # the answer, where all powers are 1 and -1
    for _ in range(0 if set(sums) == {1, -1} else _NEWTON):
        parts = {power: total * (2 * power * logs).exp() for power, total in sums.items()}
        slope, bend = (torch.stack([power**order * part for power, part in parts.items()]).sum(0) for order in (1, 2))
        logs = logs - torch.where(alive, (slope / (2 * torch.where(alive, bend, 1.0))).clamp(-1, 1), 0.0)
    return logs.exp()


def _unchanged(before: Tensor, after: Tensor) -> bool:
    return before is after or bool(((after - before).abs() <= 1e-13 * before.abs()).all())
