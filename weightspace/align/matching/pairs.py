"""Pairs of nets on their way to each other: what one step does for one name, all else as it is."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from weightspace.align.matching.assign import assign
from weightspace.align.matching.choice import Choice, clusters_of
from weightspace.align.matching.places import Place, axes_of, parted, places_of, tensor_weights
from weightspace.align.matching.stacks import embedded
from weightspace.space import Symmetry, WeightSpace
from weightspace.space.symmetry import scaled

_GAIN = 1e-6  # a step must gain this share of what it has; less is rounding, and would go on for ever


class Match:
    """Pairs of nets on their way to each other: ``b`` as it stands now, and the symmetry that brought it there.

    Args:
        space: whose symmetries are tried; its actions of kind sign and phase are settled along with the order.
        a, b: stacks of as many nets.
    """

    def __init__(self, space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]):
        self.space, self.places = space, {name: places for name, places in places_of(space).items() if places}
        used = sorted({place.tensor for places in self.places.values() for place in places})
        self.share = tensor_weights(a, b, used)
        self.a = {name: a[name].to(self.share[name].dtype) for name in used}
        self.b = {name: b[name].to(self.share[name].dtype) for name in used}
        self.count = next(iter(a.values())).shape[0]
        self.symmetry = space.identity()
        self.clusters = {name: clusters_of(space, name) for name in self.places}
        self._twice = {name for name, places in self.places.items() if len({p.tensor for p in places}) < len(places)}
        self._ours: dict[tuple[Place, ...], Tensor] = {}
        self._changes = dict.fromkeys(used, 0)
        self._settled: dict[str, list[int]] = {}

    def quality(self) -> Float[Tensor, "nets"]:
        """The weighted inner product of a and b over the number of entries: 1 where both are equal."""
        parts = [share * (self.a[name] * self.b[name]).flatten(1).sum(1) for name, share in self.share.items()]
        entries = sum(self.a[name][0].numel() for name in self.share)
        return torch.stack(parts).sum(0) / entries if parts else torch.ones(self.count)

    def act(self, step: Symmetry) -> None:
        """Move ``b`` by one more symmetry."""
        names, actions = set(step.permutations), [self.space.actions[index] for index in step.factors]
        touched = {place.tensor for name in names for place in self.places[name]}
        touched |= {tensor for action in actions for tensor in (*action.powers, *action.shifts)} & set(self.b)
        for tensor in touched:
            spec = self.space.tensors[tensor]
            moved = scaled(step, tensor, spec, self.b[tensor], stacked=True)
            for name in names:
                for place in self.places[name]:
                    if place.tensor == tensor:
                        moved = _reordered(place, moved, step.permutations[name])
            self.b[tensor] = moved
            self._changes[tensor] += 1
        self.symmetry = step.compose(self.symmetry)

    def part(self, rows: Bool[Tensor, "nets"]) -> "Match":
        """Some of the pairs as they stand, with no symmetry yet."""
        part = copy(self)
        for side in ("a", "b", "share"):
            setattr(part, side, {name: tensor[rows.to(tensor.device)] for name, tensor in getattr(self, side).items()})
        part.count, part.symmetry, part._ours = int(rows.sum()), self.space.identity(), {}
        part._changes, part._settled = dict(self._changes), dict(self._settled)
        return part

    def put(self, rows: Bool[Tensor, "nets"], part: "Match") -> None:
        """Take over what a `part` has reached."""
        for name, tensor in self.b.items():
            self.b[name] = tensor.index_copy(0, rows.nonzero().flatten().to(tensor.device), part.b[name])
            self._changes[name] += 1
        self.symmetry = embedded(part.symmetry, rows).compose(self.symmetry)

    def settled(self, name: str) -> bool:
        """Whether nothing that the name's order rests on has moved since it was last chosen."""
        return self._settled.get(name) == self._state(name)

    def _state(self, name: str) -> list[int]:
        return [self._changes[place.tensor] for place in self.places[name]]

    def step(
        self, name: str, unordered: Collection[str] = (), unsigned: Collection[str] = (), keep: bool = False
    ) -> Bool[Tensor, "nets"]:
        """Give one name its best order, signs and phases, all else as it is; True for the pairs where that gained.

        A name that stands on two axes of one tensor (a recurrent layer's neurons) is on both sides of its inner
        products; there the step that is best with one side held still may lose, and is then taken back.

        Args:
            unordered: names that aren't in place yet; entries that belong to them too are compared sorted, by their
                absolute values, which says something whatever the order and signs of those.
            unsigned: names that are in place but for their signs; their neurons are compared one by one, each by the
                absolute value of its inner product.
            keep: leave the order, and choose signs and phases alone.
        """
        total, chosen, now = self._similarity(name, unordered, unsigned)
        order = self._order_now(total) if keep else assign(total)
        gained = total.gather(2, order.unsqueeze(2)).sum((1, 2)) - now
        moved = gained > _GAIN * now.abs().clamp_min(1e-12)
        whole, twice = not (unordered or unsigned or keep), name in self._twice
        if bool(moved.any()):
            before = self.quality() if whole and twice else None
            self.act(self._step(name, order, moved, chosen))
            if before is not None:
                lost = moved & (self.quality() <= before + _GAIN * before.abs())
                self.act(self._step(name, order, lost, chosen).inverse())
                moved = moved & ~lost
        if whole and not (twice and bool(moved.any())):
            self._settled[name] = self._state(name)
        return moved

    def _order_now(self, like: Tensor) -> Int[Tensor, "nets size"]:
        return torch.arange(like.shape[1], device=like.device).expand(like.shape[:2])

    def _step(self, name: str, order: Tensor, moved: Tensor, chosen: Sequence[Choice]) -> Symmetry:
        stay = self._order_now(order)
        order = torch.where(moved.unsqueeze(1), order, stay)
        factors = {}
        for choice in chosen:
            for index, table in choice.vectors().items():
                action = self.space.actions[index]
                value = table.gather(2, order.unsqueeze(2)).squeeze(2)
                value = torch.where(moved.unsqueeze(1), value, 0.0 if action.kind == "phase" else 1.0)
                factors[index] = torch.zeros_like(value).scatter(1, order, value).double().cpu()
        return Symmetry(self.space, {name: order.cpu()}, factors)

    def _similarity(
        self, name: str, unordered: Collection[str], unsigned: Collection[str]
    ) -> tuple[Tensor, list[Choice], Tensor]:
        """What each pair of neurons adds to the objective with the best signs, those signs, and what there is now."""
        free = Choice(self.space, ())
        choices = [Choice(self.space, cluster) for cluster in self.clusters[name]]
        now: Tensor | float = 0.0
        for choice, places in self._groups(name, free, choices, {*unordered, *unsigned}):
            if choice.shifts(places[0].tensor):
                now = now + choice.add_shifted(places[0], *self._biases(places[0]))
                continue
            table, signed = self._table(places, unordered, unsigned, choice)
            choice.add(places[0], table, signed)
            now = now + table.diagonal(dim1=1, dim2=2).sum(1)
        total = sum(choice.best() for choice in (free, *choices) if choice.scores)
        self.signs_known = all(choice.signed for choice in choices if choice.scores)
        return total, [choice for choice in choices if choice.scores], now  # type: ignore[return-value]

    def _groups(
        self, name: str, free: Choice, choices: Sequence[Choice], unknown: Collection[str]
    ) -> list[tuple[Choice, tuple[Place, ...]]]:
        """The places of a name, those together whose inner products can be taken in one go."""
        groups: dict[object, tuple[Choice, list[Place]]] = {}
        for place in self.places[name]:
            choice = next((c for c in choices if c.touches(place)), free)
            alone = choice.shifts(place.tensor) or axes_of(self.space.tensors[place.tensor], place, unknown)
            key = place if alone else (choice, tuple(sorted(choice.powers(place).items())))
            groups.setdefault(key, (choice, []))[1].append(place)
        return [(choice, tuple(places)) for choice, places in groups.values()]

    def _biases(self, place: Place) -> tuple[Tensor, Tensor, Tensor]:
        rows = [place.rows(side[place.tensor]).flatten(1) for side in (self.a, self.b)]
        return rows[0], rows[1], self.share[place.tensor]

    def _table(
        self, places: tuple[Place, ...], unordered: Collection[str], unsigned: Collection[str], choice: Choice
    ) -> tuple[Float[Tensor, "nets size size"], bool]:
        """Inner products of a's rows with b's at places of one group, and whether they say anything about signs."""
        place, share = places[0], self.share[places[0].tensor].reshape(-1, 1, 1)
        spec = self.space.tensors[place.tensor]
        hidden = axes_of(spec, place, unordered)
        blurred = axes_of(spec, place, unsigned)
        if not hidden and not blurred:
            return self._products(places), True
        one, other = place.rows(self.a[place.tensor]), place.rows(self.b[place.tensor])
        if hidden:
            flip = bool(choice.actions or blurred)
            one, other = (_sorted(parted(rows, sorted({*hidden, *blurred})), flip) for rows in (one, other))
            return one.flatten(2) @ other.flatten(2).transpose(1, 2) * share, False
        one, other = (parted(rows, blurred).permute(0, 3, 1, 2) for rows in (one, other))
        return (one @ other.transpose(2, 3)).abs().sum(1) * share, False

    def _products(self, places: tuple[Place, ...]) -> Float[Tensor, "nets size size"]:
        if places not in self._ours:  # a stands still
            ours = [
                place.rows(self.a[place.tensor]).flatten(2) * self.share[place.tensor].reshape(-1, 1, 1)
                for place in places
            ]
            self._ours[places] = torch.cat(ours, 2)
        theirs = torch.cat([place.rows(self.b[place.tensor]).flatten(2) for place in places], 2)
        return self._ours[places] @ theirs.transpose(1, 2)


def _reordered(place: Place, stack: Tensor, order: Int[Tensor, "nets size"]) -> Tensor:
    rows = place.rows(stack)
    shape = [order.shape[0], order.shape[1]] + [1] * (rows.ndim - 2)
    moved = (
        rows.gather(1, order.to(rows.device).reshape(shape).expand(rows.shape)) if len(rows) > 1 else rows[:, order[0]]
    )
    return place.back(moved, stack)


def _sorted(rows: Float[Tensor, "nets size known unknown"], unsigned: bool) -> Tensor:
    return (rows.abs() if unsigned else rows).sort(-1).values
