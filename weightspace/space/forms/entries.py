"""Where the actions of a space multiply, looked up by tensor, and sums over what they multiply."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from weightspace.space.axes import Axis
from weightspace.space.spread import spread_over_axis
from weightspace.space.weightspace import WeightSpace


@dataclass(frozen=True)
class Entry:
    """One place where an action multiplies: an atom of an axis of a tensor.

    Args:
        action: its number.
        tensor: its name.
        dim: the axis.
        occurrence: the atom.
        power: of the action's factor.
        axis: the axis itself.
    """

    action: int
    tensor: str
    dim: int
    occurrence: int
    power: int | float
    axis: Axis

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.axis.atoms()[self.occurrence].size or 1

    @property
    def neurons(self) -> Int[Tensor, " entries"]:
        """For each entry of the axis the neuron behind it, counted from 1; 0 where there is none."""
        return neurons_along(self.axis, self.occurrence)

    def meets(self, other: "Entry") -> bool:
        """Whether some entry of the tensor is multiplied by both."""
        if self.tensor != other.tensor or self.dim != other.dim:
            return self.tensor == other.tensor
        return overlap(self.axis, self.occurrence, other.occurrence)

    def multiply(self, tensor: Tensor, factor: Tensor, stacked: bool) -> Tensor:
        """The tensor times the neurons' factors, ``[size]`` or ``[nets, size]``, whatever the power."""
        along = torch.nn.functional.pad(factor, (1, 0), value=1.0)[..., self.neurons.to(factor.device)]
        tail = tensor.ndim - stacked - self.dim - 1
        shape = (*along.shape[:-1], *[1] * (self.dim if along.ndim > 1 else 0), along.shape[-1], *[1] * tail)
        return tensor * along.reshape(shape).to(tensor.device, tensor.dtype)

    def sums(self, values: Float[Tensor, "..."], stacked: bool) -> Float[Tensor, "*nets size"]:
        """For each neuron the sum of the values that belong to it."""
        return sums_along(values, self.dim, self.neurons, self.size, stacked)


@lru_cache(maxsize=4096)
def neurons_along(axis: Axis, occurrence: int) -> Int[Tensor, " entries"]:
    """For each entry of an axis the neuron of one of its atoms behind it, counted from 1; 0 where there is none."""
    size = axis.atoms()[occurrence].size or 1
    return spread_over_axis(axis, occurrence, torch.arange(1.0, size + 1.0), fill=0.0).long()


@lru_cache(maxsize=4096)
def overlap(axis: Axis, one: int, other: int) -> bool:
    """Whether two atoms of an axis stand behind one entry."""
    return bool(((neurons_along(axis, one) > 0) & (neurons_along(axis, other) > 0)).any())


def sums_along(values: Tensor, dim: int, keys: Tensor, size: int, stacked: bool) -> Float[Tensor, "*nets size"]:
    """Values summed over all axes but one, there over the entries of each key above 0, ``[size]`` a net."""
    others = [d for d in range(stacked, values.ndim) if d != dim + stacked]
    along = values.sum(others) if others else values
    total = along.new_zeros((*along.shape[:-1], size + 1))
    return total.index_add(-1, keys.to(along.device), along)[..., 1:]


@lru_cache(maxsize=128)
def entries_of(space: WeightSpace) -> tuple[tuple[Entry, ...], ...]:
    """For each action of a space the places where it multiplies."""
    return tuple(
        tuple(
            Entry(index, tensor, dim, occurrence, power, space.tensors[tensor].axes[dim])
            for tensor, powers in action.powers.items()
            for dim, occurrence, power in powers
        )
        for index, action in enumerate(space.actions)
    )


@dataclass(frozen=True)
class Plan:
    """In which order the actions of one kind are settled.

    Args:
        steps: an action, and the places that decide its factor.
        rest: the actions that meet in every tensor.
    """

    steps: tuple[tuple[int, tuple[Entry, ...]], ...]
    rest: tuple[int, ...]


@lru_cache(maxsize=256)
def plan(space: WeightSpace, kind: str, mixed: frozenset[tuple[str, str | None]]) -> Plan:
    """The order in which actions are settled: those first that a tensor decides in which no other waits.

    Args:
        space: the space. kind: of the actions.
        mixed: pairs of a tensor and a name whose neurons matrices mix in it; other names are decided elsewhere if they
            can.
    """
    waiting = Waiting(space, [n for n, action in enumerate(space.actions) if action.kind == kind])
    mixing: dict[str, set[str | None]] = {}
    for tensor, name in mixed:
        mixing.setdefault(tensor, set()).add(name)
    ready, steps = list(waiting.actions), []
    while ready:
        index = heapq.heappop(ready)
        clean = waiting.clean(index) if index in waiting.actions else []
        own = {space.actions[index].name}
        clean = [entry for entry in clean if mixing.get(entry.tensor, own) <= own] or clean
        deciding = tuple(entry for entry in clean if entry.power == clean[0].power)
        if deciding:
            steps.append((index, deciding))
            for other in waiting.settled(index):
                heapq.heappush(ready, other)
    return Plan(tuple(steps), tuple(waiting.actions))


class Waiting:
    """Actions of one kind that aren't settled yet, looked up by the tensors that they multiply."""

    def __init__(self, space: WeightSpace, actions: Sequence[int]):
        self.entries = entries_of(space)
        self.actions = dict.fromkeys(actions)
        self.at: dict[str, list[Entry]] = {}
        for index in actions:
            for entry in self.entries[index]:
                self.at.setdefault(entry.tensor, []).append(entry)

    def clean(self, index: int) -> list[Entry]:
        """The places of an action that no other place of a waiting action meets."""
        return [
            entry
            for entry in self.entries[index]
            if not any(other != entry and entry.meets(other) for other in self.at[entry.tensor])
        ]

    def settled(self, index: int) -> list[int]:
        """Take an action out; gives those that met it."""
        del self.actions[index]
        tensors = dict.fromkeys(entry.tensor for entry in self.entries[index])
        for tensor in tensors:
            self.at[tensor] = [entry for entry in self.at[tensor] if entry.action != index]
        return list(dict.fromkeys(entry.action for tensor in tensors for entry in self.at[tensor]))
