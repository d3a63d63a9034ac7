"""One member of each orbit under scaling: every neuron that may be scaled is brought to one size of what feeds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from weightspace.space import Axis, WeightSpace
from weightspace.space.spread import spread_over_axis

LIMIT = 1e15
"""Weights in the gauge are clamped here: the last layer bears the sizes of all others; squares must fit float32."""

_SWEEPS = 500


@dataclass(frozen=True, eq=False)
class Entry:
    """One place where a scale multiplies.

    Attributes:
        tensor: its name.
        dim: the axis.
        power: of the factor.
        size: number of neurons.
        neurons: for each entry of the axis the neuron behind it, counted from 1; 0 where there is none.
    """

    tensor: str
    dim: int
    power: int | float
    size: int
    neurons: Tensor

    def per_neuron(self, squares: Tensor) -> Tensor:
        """``[nets, ...]`` summed to ``[nets, neurons]``."""
        others = [dim for dim in range(1, squares.ndim) if dim != self.dim + 1]
        along = squares.sum(others) if others else squares
        neurons = self.neurons.to(along.device)
        return along.new_zeros(len(along), self.size + 1).index_add(1, neurons, along)[:, 1:]

    def scaled(self, tensor: Tensor, factor: Tensor) -> Tensor:
        """The tensor ``[nets, ...]`` times the power of the neurons' factors ``[nets, neurons]``."""
        padded = torch.nn.functional.pad(factor**self.power, (1, 0), value=1.0)
        along = padded[:, self.neurons.to(factor.device)]
        return tensor * along.reshape(len(along), *[1] * self.dim, -1, *[1] * (tensor.ndim - self.dim - 2))


@dataclass(frozen=True, eq=False)
class Gauge:
    """How the scales of a weight space are settled.

    Attributes:
        actions: all entries of each scale.
        steps: which action next, and the entries that decide its factor.
        turns: whether the steps must be repeated, because scales meet in every tensor that could decide.
    """

    actions: tuple[tuple[Entry, ...], ...]
    steps: tuple[tuple[int, tuple[Entry, ...]], ...]
    turns: bool

    def settle(self, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[tuple[int, Tensor]]]:
        r"""Weights whose scalable neurons have incoming entries of unit norm.

        Layer by layer $f_i = (\sum_k w_{ik}^2)^{-1/2}$ over all that feeds neuron $i$ and bears its factor; a neuron
        that nothing feeds keeps its scale. Smooth in the weights, exact in float64, and a member of the same orbit.

        Returns:
            The weights, in their type, and the factors that made them: pairs of action and ``[nets, neurons]``.
        """
        moved = {name: weights[name].double() for name in self._touched()}
        factors: list[tuple[int, Tensor]] = []
        for _ in range(_SWEEPS if self.turns else 1):
            before = dict(moved)
            for action, deciding in self.steps:
                total = torch.stack([entry.per_neuron(moved[entry.tensor].square()) for entry in deciding]).sum(0)
                factor = torch.where(total > 0, total, 1.0) ** (-0.5 / deciding[0].power)
                self._act(moved, action, factor)
                factors.append((action, factor))
            if all(bool(((moved[n] - before[n]).abs() <= 1e-13 * before[n].abs()).all()) for n in moved):
                break
        settled = {name: value.clamp(-LIMIT, LIMIT).to(weights[name]) for name, value in moved.items()}
        return {**weights, **settled}, factors

    def restore(self, changes: Mapping[str, Tensor], factors: Sequence[tuple[int, Tensor]]) -> dict[str, Tensor]:
        """Changes of settled weights as changes of the weights that they came from."""
        moved = {name: changes[name].double() for name in self._touched()}
        for action, factor in factors:
            self._act(moved, action, 1 / factor)
        return {**changes, **{name: value.to(changes[name]) for name, value in moved.items()}}

    def _act(self, moved: dict[str, Tensor], action: int, factor: Tensor) -> None:
        for entry in self.actions[action]:
            moved[entry.tensor] = entry.scaled(moved[entry.tensor], factor)

    def _touched(self) -> set[str]:
        return {entry.tensor for entries in self.actions for entry in entries}


@lru_cache(maxsize=1024)
def gauge(space: WeightSpace) -> Gauge | None:
    """How the scales of a space are settled; None if it has none."""
    actions = tuple(
        tuple(
            _entry(space, name, dim, occurrence, power)
            for name, places in action.powers.items()
            for dim, occurrence, power in places
        )
        for action in space.actions
        if action.kind == "scale"
    )
    if not actions:
        return None
    waiting, steps = list(range(len(actions))), []
    while waiting:
        found = [(number, _deciding(actions, number, waiting)) for number in waiting]
        number, entries = next(((n, e) for n, e in found if e), (None, ()))
        if number is None:
            alone = [(n, _deciding(actions, n, [n]) or actions[n][:1]) for n in waiting]
            return Gauge(actions, (*steps, *alone), True)
        steps.append((number, entries))
        waiting.remove(number)
    return Gauge(actions, tuple(steps), False)


def _entry(space: WeightSpace, name: str, dim: int, occurrence: int, power: int | float) -> Entry:
    axis: Axis = space.tensors[name].axes[dim]
    size = axis.atoms()[occurrence].size
    return Entry(name, dim, power, size, spread_over_axis(axis, occurrence, torch.arange(1.0, size + 1), 0.0).long())


def _deciding(actions: tuple[tuple[Entry, ...], ...], number: int, waiting: Sequence[int]) -> tuple[Entry, ...]:
    """The entries of a scale that no other entry of a waiting scale meets, and that share one power."""
    rivals = [entry for other in waiting for entry in actions[other]]
    clean = [e for e in actions[number] if not any(e is not other and _meet(e, other) for other in rivals)]
    return tuple(entry for entry in clean if entry.power == clean[0].power)


def _meet(one: Entry, other: Entry) -> bool:
    if one.tensor != other.tensor:
        return False
    return one.dim != other.dim or bool(((one.neurons > 0) & (other.neurons > 0)).any())
