"""Which groups of matrices the canonical form settles, and what stands in the way of others."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from math import prod

from weightspace.space.forms.entries import plan
from weightspace.space.matrices import MatrixGroup, Side, entries_of
from weightspace.space.weightspace import WeightSpace


@lru_cache(maxsize=128)
def settled_groups(space: WeightSpace) -> tuple[int, ...]:
    """The groups of matrices that the canonical form settles: each by itself, from tensors that nothing else scales."""
    return tuple(index for index in range(len(space.matrices)) if not _obstacle(space, index))


def unsettled(space: WeightSpace) -> tuple[str, ...]:
    """What a canonical form leaves open, in words: groups of matrices that can't be settled, and why."""
    return tuple(
        f"the matrices that mix {_neurons_of(space, index)}, {obstacle}"
        for index in range(len(space.matrices))
        if (obstacle := _obstacle(space, index))
    )


def mixed_places(space: WeightSpace, groups: Iterable[int]) -> frozenset[tuple[str, str | None]]:
    """The tensors that groups of matrices mix, each with the name whose neurons are mixed."""
    found = (space.matrices[index] for index in groups)
    return frozenset((tensor, group.name) for group in found for tensor in group.powers)


def _obstacle(space: WeightSpace, index: int) -> str:
    """Why a group can't be settled, or nothing."""
    group = space.matrices[index]
    if met := _met(space).get(index):
        return "as those of {} act on {!r} too".format(*met)
    size = group.shape(space)[1]
    powers = {"linear": (1, -1), "orthogonal": (1,), "complex": ()}[group.kind]
    if any(_columns(space, group, power) < size for power in powers):
        return "as they are more than what feeds or reads them"
    if group.kind == "orthogonal":
        return ""  # it changes no norm, so that others are settled whatever it is
    alone = [number for number in range(len(space.matrices)) if number not in _met(space)]
    order = plan(space, "scale", mixed_places(space, alone))
    told = [
        (action, [(entry.tensor, entry.dim, entry.occurrence) for entry in deciding])
        for action, deciding in order.steps
    ]
    told += [(action, [(t, d, o) for t, powers in space.actions[action].powers.items() for d, o, _ in powers])
             for action in order.rest]  # fmt: skip
    for action, places in told:
        name = space.actions[action].name
        if name not in (group.name, group.per) and any(_mixes(space, group, *place) for place in places):
            return f"as only what they mix tells the scales of {name!r}"
    return ""


@lru_cache(maxsize=128)
def separate_groups(space: WeightSpace) -> tuple[int, ...]:
    """The groups of matrices that act on no entry of a tensor together with another, but for orthogonal ones.

    Those change neither the norms nor the inner products that the others are settled by.
    """
    return tuple(index for index in range(len(space.matrices)) if index not in _met(space))


@lru_cache(maxsize=128)
def _met(space: WeightSpace) -> dict[int, tuple[str, str]]:
    """For each group that shares entries of a tensor with another what that one mixes, and the tensor."""
    bearing: dict[str, list[int]] = {}
    for index, group in enumerate(space.matrices):
        for tensor in group.powers if group.kind != "orthogonal" else ():
            bearing.setdefault(tensor, []).append(index)
    found: dict[int, tuple[str, str]] = {}
    for tensor, groups in bearing.items():
        for index, other in ((one, two) for one in groups for two in groups if one != two):
            if index not in found and _meet(space, tensor, index, other):
                found[index] = (_neurons_of(space, other), tensor)
    return found


def _neurons_of(space: WeightSpace, index: int) -> str:
    """The neurons that a group mixes, in words."""
    group = space.matrices[index]
    return repr(group.name) if group.name is not None else f"channels of {', '.join(map(repr, group.powers))}"


def _meet(space: WeightSpace, tensor: str, one: int, other: int) -> bool:
    axes = space.tensors[tensor].axes
    pairs = product(space.matrices[one].powers[tensor], space.matrices[other].powers[tensor])
    return any(
        left.dim != right.dim or bool((entries_of(axes[left.dim], left) & entries_of(axes[left.dim], right)).any())
        for left, right in pairs
    )


def _mixes(space: WeightSpace, group: MatrixGroup, tensor: str, dim: int, occurrence: int) -> bool:
    """Whether a group acts on entries of a tensor that an atom of one of its axes stands behind."""
    axis, own = space.tensors[tensor].axes[dim], Side(dim, occurrence, 1)
    return any(
        side.dim != dim or bool((entries_of(axis, side) & entries_of(axis, own)).any())
        for side in group.powers.get(tensor, ())
    )


def _columns(space: WeightSpace, group: MatrixGroup, power: int) -> int:
    """How many columns there are of what each matrix multiplies, or of what its inverse does."""
    count, size, _ = group.shape(space)
    total = 0
    for name, entries in group.powers.items():
        spec = space.tensors[name]
        for side in entries:
            rest = prod(length or 0 for axis, length in enumerate(spec.shape) if axis != side.dim)
            beside = int(entries_of(spec.axes[side.dim], side).sum()) // size
            total += rest * beside // count * (side.power == power)
    return total
