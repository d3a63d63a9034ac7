"""Scales of neurons: settled before matching, fitted after it."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from weightspace.align.matching.places import Place, place_of
from weightspace.space import Symmetry, WeightSpace
from weightspace.space.forms.matrices import settle_matrices
from weightspace.space.symmetry import scaled

_ROUNDS, _TOLERANCE, _FITTED, _TURNS, _SETTLED = 100, 1e-3, 1e-8, 20, 1e-10
_LONGEST = 0.5  # a step of a factor's logarithm


def balanced(space: WeightSpace, stack: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
    """Each net in scales, and in matrices where the space has them, that don't depend on those it came in.

    Where both are there they are settled in turns, until the sum of squares, which each step makes smaller, stands.

    Returns:
        The nets, and what leads to them.
    """
    weights, path = _in_balance(space, stack)
    size = _squares(space, weights)
    for _ in range(_TURNS if space.matrices else 0):
        step = settle_matrices(space, weights, ("linear", "complex"))
        weights, path = space.apply(step, weights), step.compose(path)
        weights, step = _in_balance(space, weights)
        path = step.compose(path)
        before, size = size, _squares(space, weights)
        if bool((before - size <= _SETTLED * size).all()):
            break
    return weights, path


def _squares(space: WeightSpace, stack: Mapping[str, Tensor]) -> Float[Tensor, "nets"]:
    """The sum of squares of each net over all its tensors, vectors too: what both kinds of step make smaller."""
    parts = [stack[n].double().square().flatten(1).sum(1).cpu() for n in space.tensors if stack[n].is_floating_point()]
    return torch.stack(parts).sum(0) if parts else torch.zeros(())


def _in_balance(space: WeightSpace, stack: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
    """The member of each net's orbit under scales that has the smallest sum of squares, and what leads there.

    What a factor multiplies and what it divides get equal norms, action by action, until nothing changes by more than
    a thousandth. The sum is convex in the logarithms of the scales, so the place where that ends doesn't depend on
    where it began; and unlike a norm of 1 for what feeds a neuron it rests on all tensors, so that noise on a gain
    near zero doesn't blow up what follows.
    """
    actions = [index for index, action in enumerate(space.actions) if action.kind == "scale"]
    state, factors = _Squares(space, stack, actions), _ones(space, stack, actions)
    for _ in range(_ROUNDS if actions else 0):
        largest = 0.0
        for index in actions:
            step = state.step(index)
            factors[index] = factors[index] * step
            largest = max(largest, float(step.log().abs().max()))
        if largest < _TOLERANCE:
            break
    symmetry = Symmetry(space, {}, factors)
    return rescaled(symmetry, stack), symmetry


def fitted(space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Symmetry:
    """The scales that bring b, already in a's order, closest to a.

    Each neuron's norms come as close to a's as they can, squared differences added up in units of each tensor's mean
    square, by Gauss-Newton steps in the factors' logarithms; scales that meet in a tensor are fitted in turns.
    """
    actions = [index for index, action in enumerate(space.actions) if action.kind == "scale"]
    goal, state = _Squares(space, a, actions), _Squares(space, b, actions)
    factors = _ones(space, b, actions)
    for _ in range(_ROUNDS):
        largest = 0.0
        for index in actions:
            step = state.towards(goal, index)
            factors[index] = factors[index] * step
            largest = max(largest, float(step.log().abs().max()))
        if largest < _FITTED:
            break
    return Symmetry(space, {}, factors)


def _ones(space: WeightSpace, stack: Mapping[str, Tensor], actions: list[int]) -> dict[int, Float[Tensor, "nets size"]]:
    count = len(next(iter(stack.values())))
    sizes = {index: space.names[space.actions[index].name].size or 1 for index in actions}
    return {index: torch.ones(count, size, dtype=torch.float64) for index, size in sizes.items()}


def rescaled(symmetry: Symmetry, stack: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A stack, or some of its tensors, after the factors of a symmetry."""
    tensors = symmetry.space.tensors
    return {name: scaled(symmetry, name, tensors[name], tensor, stacked=True) for name, tensor in stack.items()}


def _places(space: WeightSpace, index: int) -> list[tuple[Place, float]]:
    return [
        (place_of(space.tensors[tensor], tensor, dim, occurrence), float(power))
        for tensor, powers in space.actions[index].powers.items()
        for dim, occurrence, power in powers
    ]


class _Squares:
    """The squares of all tensors that scales touch, summed over the axes that none does."""

    def __init__(self, space: WeightSpace, stack: Mapping[str, Tensor], actions: list[int]):
        self.places = {index: _places(space, index) for index in actions}
        touched: dict[str, set[int]] = {}
        for places in self.places.values():
            for place, _ in places:
                touched.setdefault(place.tensor, set()).add(place.dim + 1)
        self.sums, self.mean_square = {}, {}
        for name, dims in touched.items():
            squares = stack[name].double().square()
            others = [dim for dim in range(1, squares.ndim) if dim not in dims]
            self.mean_square[name] = squares.flatten(1).mean(1).clamp_min(1e-300)
            self.sums[name] = squares.sum(others, keepdim=True) if others else squares

    def step(self, index: int) -> Float[Tensor, "nets size"]:
        """The factor that balances one action, taken at once; 1 where a side is zero."""
        places = self.places[index]
        up, down = (self._total(places, sign) for sign in (1.0, -1.0))
        ratio = torch.where((up > 0) & (down > 0), down / up.clamp_min(1e-300), torch.ones_like(up))
        return self._act(places, ratio ** (0.25 / max(abs(power) for _, power in places)))

    def towards(self, goal: "_Squares", index: int) -> Float[Tensor, "nets size"]:
        """A step towards the factor that brings the norms of one action's tensors closest to those of ``goal``."""
        places = self.places[index]
        top = bottom = torch.zeros(())
        for place, power in places:
            want, have = (side._norms(place).sqrt() for side in (goal, self))
            unit = goal.mean_square[place.tensor].reshape(-1, 1)
            counted = ((want > 0) & (have > 0)) / unit
            top = top + power * counted * have * (want - have)
            bottom = bottom + power**2 * counted * have.square()
        return self._act(places, (top / bottom.clamp_min(1e-300)).clamp(-_LONGEST, _LONGEST).exp())

    def _act(self, places: list[tuple[Place, float]], step: Tensor) -> Tensor:
        for place, power in places:
            rows = place.rows(self.sums[place.tensor])
            factor = (step ** (2 * power)).to(rows.device).reshape(*step.shape, *[1] * (rows.ndim - 2))
            self.sums[place.tensor] = place.back(rows * factor, self.sums[place.tensor])
        return step.cpu()

    def _total(self, places: list[tuple[Place, float]], sign: float) -> Tensor:
        parts = [self._norms(place) * abs(power) for place, power in places if power * sign > 0]
        return torch.stack(parts).sum(0) if parts else torch.zeros(())

    def _norms(self, place: Place) -> Float[Tensor, "nets size"]:
        return place.rows(self.sums[place.tensor]).flatten(2).sum(2)
