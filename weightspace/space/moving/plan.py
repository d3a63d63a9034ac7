"""What acting on a space's tensors needs to know of the space, worked out once, and of a symmetry, once a symmetry."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from weightspace.space.axes import Atom, Axis, Product, Sum
from weightspace.space.moving.compiled import Acting
from weightspace.space.spread import gathered, spread_over_axis
from weightspace.space.symmetry import Symmetry
from weightspace.space.weightspace import WeightSpace


class Place(NamedTuple):
    """An axis, and the actions that multiply along it: number of the action, occurrence of the atom, power."""

    axis: Axis
    actions: tuple[tuple[int, int, int | float], ...] = ()


class Lookup(NamedTuple):
    """Some places that as many atoms, or actions, act on.

    Args:
        places: their numbers.
        sizes: of their axes.
        index: for each entry of their axes, one after the other, where the numbers stand that act on it.
        steps: how far apart neighbours of each atom lie on the axis.
        own: for each entry its number on its axis.
    """

    places: tuple[int, ...]
    sizes: tuple[int, ...]
    index: Int[Tensor, "atoms entries"]
    steps: Int[Tensor, "atoms entries"]
    own: Int[Tensor, " entries"]


@dataclass(frozen=True, eq=False)
class Plan:
    """The places of a space's tensors.

    Args:
        places: each once; many tensors share one.
        sizes: of their axes.
        tensors: for each tensor the numbers of its places. A fixed end of an axis, ``7 7`` of ``(c1 7 7)``, is a place
            of its own, so that its entries move together.
        names: of the free neurons of each.
        powers: all powers of actions.
        orders: into one vector of all permutations, behind an entry for what has no neuron.
        factors: into one vector of all factors like that, for each power.
    """

    places: tuple[Place, ...]
    sizes: tuple[int, ...]
    tensors: dict[str, tuple[int, ...]]
    names: tuple[tuple[str, ...], ...]
    powers: tuple[int | float, ...]
    orders: tuple[Lookup, ...]
    factors: tuple[Lookup, ...]


@lru_cache(maxsize=128)
def plan_of(space: WeightSpace) -> Plan:
    """The plan of a space; kept."""
    found: dict[Place, int] = {}
    actions, tensors = _actions(space), {}
    for name, spec in space.tensors.items():
        parts = [part for dim, axis in enumerate(spec.axes) for part in _parts(axis, actions.get((name, dim), ()))]
        tensors[name] = tuple(found.setdefault(place, len(found)) for place in parts)
    powers = tuple(dict.fromkeys(power for place in found for _, _, power in place.actions))
    names = _starts([(name, space.names[name].size or 0) for name in space.free])
    own = _starts([(i, space.names[a.name].size or 0) for i, a in enumerate(space.actions)])
    rows = 1 + sum(space.names[action.name].size or 0 for action in space.actions)

    def atoms(place: Place) -> list[tuple[Tensor, int]]:
        steps = _steps(place.axis, 1)
        free = [(i, atom.name) for i, atom in enumerate(place.axis.atoms()) if atom.name in names]
        return [(_numbered(place.axis, i, names[name]), steps[i]) for i, name in free]

    def factors(place: Place) -> list[tuple[Tensor, int]]:
        return [
            (_numbered(place.axis, occurrence, own[index]) + rows * powers.index(power), 1)
            for index, occurrence, power in place.actions
        ]

    sizes = tuple(place.axis.size or 0 for place in found)
    free = tuple(tuple(a.name for a in place.axis.atoms() if a.name is not None and a.name in names) for place in found)
    return Plan(tuple(found), sizes, tensors, free, powers, _lookups(found, atoms), _lookups(found, factors))


def _actions(space: WeightSpace) -> dict[tuple[str, int], tuple[tuple[int, int, int | float], ...]]:
    """The actions along each axis of each tensor."""
    found: dict[tuple[str, int], list[tuple[int, int, int | float]]] = {}
    for index, action in enumerate(space.actions):
        for name, powers in action.powers.items():
            for dim, occurrence, power in powers:
                power = 1 if action.kind == "phase" else power
                found.setdefault((name, dim), []).append((index, occurrence, power))
    return {key: tuple(value) for key, value in found.items()}


def _parts(axis: Axis, actions: tuple[tuple[int, int, int | float], ...]) -> Iterable[Place]:
    """An axis, its fixed end apart."""
    if not isinstance(axis, Product):
        return (Place(axis, actions),)
    factors, end = axis.factors, len(axis.factors)
    while end and all(atom.name is None for atom in factors[end - 1].atoms()):
        end -= 1
    if end in (0, len(factors)):
        return (Place(axis, actions),)
    lead = factors[0] if end == 1 else Product(factors[:end])
    return (Place(lead, actions), Place(Atom(None, prod(factor.size or 0 for factor in factors[end:]))))


def _starts(sizes: Sequence[tuple[object, int]]) -> dict[object, int]:
    """Where each vector begins when all stand one after the other, behind one entry."""
    found, start = {}, 1
    for key, size in sizes:
        found[key] = start
        start += size
    return found


def _numbered(axis: Axis, occurrence: int, start: int) -> Int[Tensor, " size"]:
    """For each entry of an axis where the number of its neuron stands, 0 if it has none."""
    size = axis.atoms()[occurrence].size or 0
    numbers = torch.arange(start, start + size, dtype=torch.float64)
    return spread_over_axis(axis, occurrence, numbers, 0.0).long()


def _steps(axis: Axis, step: int) -> list[int]:
    """For each atom of an axis how far apart its neighbours lie."""
    if isinstance(axis, Sum):
        return [found for term in axis.terms for found in _steps(term, step)]
    if isinstance(axis, Atom):
        return [step]
    found: list[int] = []
    for factor in axis.factors[::-1]:
        found = _steps(factor, step) + found
        step *= factor.size or 0
    return found


def _lookups(places: Iterable[Place], found_at: Callable[[Place], list[tuple[Tensor, int]]]) -> tuple[Lookup, ...]:
    """The places with equally many atoms or actions together."""
    groups: dict[int, list[tuple[int, list[tuple[Tensor, int]]]]] = {}
    for number, place in enumerate(places):
        if found := found_at(place):
            groups.setdefault(len(found), []).append((number, found))
    lookups = []
    for group in groups.values():
        index = torch.cat([torch.stack([at for at, _ in found]) for _, found in group], 1)
        steps = [torch.tensor([[step] for _, step in found]).expand(-1, len(found[0][0])) for _, found in group]
        sizes = tuple(len(found[0][0]) for _, found in group)
        own = torch.cat([torch.arange(size) for size in sizes])
        lookups.append(Lookup(tuple(number for number, _ in group), sizes, index, torch.cat(steps, 1), own))
    return tuple(lookups)


class Actings:
    """What a symmetry does along each place of a space's tensors."""

    def __init__(self, symmetry: Symmetry):
        self.plan = plan_of(symmetry.space)
        self._orders = self._all_orders(symmetry) if symmetry.permutations else {}
        self._factors = self._all_factors(symmetry) if symmetry.factors else {}
        self._found: dict[tuple[int, bool], Acting] = {}

    def of(self, tensor: str, with_factors: bool) -> list[Acting]:
        """Along each axis of a tensor, a fixed end being an axis of its own."""
        return [self._acting(place, with_factors) for place in self.plan.tensors[tensor]]

    def _acting(self, place: int, with_factors: bool) -> Acting:
        if (place, with_factors) not in self._found:
            order, factor = self._orders.get(place), self._factors.get(place) if with_factors else None
            if factor is not None and order is not None:
                plain = factor.ndim == order.ndim == 1
                factor = factor[order] if plain else gathered(factor, order.long())
            self._found[place, with_factors] = Acting(self.plan.sizes[place], order, factor)
        return self._found[place, with_factors]

    def _all_orders(self, symmetry: Symmetry) -> dict[int, Tensor]:
        """For each place that moves the old entry of each new one."""
        names, moves = symmetry.space.names, symmetry.permutations
        own = {name: torch.arange(names[name].size or 0) for name in symmetry.space.free}
        orders = [moves[name].cpu().long() if name in moves else kept for name, kept in own.items()]
        shifts = _together(0, orders) - _together(0, list(own.values()))
        found = {}
        for lookup in self.plan.orders:
            ways = ((shifts[..., lookup.index] * lookup.steps).sum(-2) + lookup.own).int()
            for place, way in zip(lookup.places, ways.split(lookup.sizes, -1), strict=True):
                if any(name in moves for name in self.plan.names[place]):
                    found[place] = way
        return found

    def _all_factors(self, symmetry: Symmetry) -> dict[int, Tensor]:
        """For each place that is scaled the factor of each entry before the move."""
        space, given = symmetry.space, symmetry.factors
        vectors = []
        for index, action in enumerate(space.actions):
            vector = given[index].cpu().double() if index in given else None
            if vector is None:
                vector = torch.ones(space.names[action.name].size or 0, dtype=torch.float64)
            elif action.kind == "phase":
                vector = 1 - 2 * (vector.abs() % 2)
            vectors.append(vector)
        whole = _together(1, vectors)
        whole = torch.cat([whole if power == 1 else whole**power for power in self.plan.powers], -1)
        found = {}
        for lookup in self.plan.factors:
            products = whole[..., lookup.index].prod(-2).split(lookup.sizes, -1)
            for place, factor in zip(lookup.places, products, strict=True):
                if any(index in given for index, _, _ in self.plan.places[place].actions):
                    found[place] = factor
        return found


def _together(first: int, vectors: Sequence[Tensor]) -> Tensor:
    """Vectors one after the other, ``[size]`` or ``[nets, size]`` each, behind one entry."""
    lead = max((vector.shape[:-1] for vector in vectors), key=len, default=())
    start = torch.full((*lead, 1), first, dtype=vectors[0].dtype if vectors else torch.int64)
    return torch.cat([start, *(vector.expand(*lead, -1) if lead else vector for vector in vectors)], -1)
