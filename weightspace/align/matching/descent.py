"""Weight matching: one assignment a name, in turns, until nothing moves (coordinate descent)."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from weightspace.align.matching.assign import assign
from weightspace.align.matching.choice import Choice, clusters_of
from weightspace.align.matching.places import Place, axes_of, parted, places_of, tensor_weights
from weightspace.align.matching.scales import fitted
from weightspace.align.matching.stacks import chosen, embedded
from weightspace.space import Symmetry, WeightSpace
from weightspace.space.symmetry import scaled

_SWEEPS = 60
_GAIN = 1e-6  # a step must gain this share of what it has; less is rounding, and would go on for ever
_EQUAL = 0.95  # quality of nets that are equal but for noise


class Match:
    """Pairs of nets on their way to each other: ``b`` as it stands now, and the symmetry that brought it there.

    Args:
        space: whose symmetries are tried; its actions of kind sign and phase are settled along with the order.
        a, b: stacks of as many nets.
    """

    def __init__(self, space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor]):
        self.space, self.places = space, places_of(space)
        used = sorted({place.tensor for places in self.places.values() for place in places})
        self.share = tensor_weights(a, b, used)
        self.a = {name: a[name].to(self.share[name].dtype) for name in used}
        self.b = {name: b[name].to(self.share[name].dtype) for name in used}
        self.count = next(iter(a.values())).shape[0]
        self.symmetry = space.identity()
        self.clusters = {name: clusters_of(space, name) for name in self.places}

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
        self.symmetry = step.compose(self.symmetry)

    def part(self, rows: Bool[Tensor, "nets"]) -> "Match":
        """Some of the pairs as they stand, with no symmetry yet."""
        part = copy(self)
        for side in ("a", "b", "share"):
            setattr(part, side, {name: tensor[rows.to(tensor.device)] for name, tensor in getattr(self, side).items()})
        part.count, part.symmetry = int(rows.sum()), self.space.identity()
        return part

    def put(self, rows: Bool[Tensor, "nets"], part: "Match") -> None:
        """Take over what a `part` has reached."""
        for name, tensor in self.b.items():
            self.b[name] = tensor.index_copy(0, rows.nonzero().flatten().to(tensor.device), part.b[name])
        self.symmetry = embedded(part.symmetry, rows).compose(self.symmetry)

    def step(
        self, name: str, unordered: Collection[str] = (), unsigned: Collection[str] = (), keep: bool = False
    ) -> Bool[Tensor, "nets"]:
        """Give one name its best order, signs and phases, all else as it is; True for the pairs where that gained.

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
        if bool(moved.any()):
            self.act(self._step(name, order, moved, chosen))
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
        for place in self.places[name]:
            choice = next((c for c in choices if c.touches(place)), free)
            if choice.shifts(place.tensor):
                now = now + choice.add_shifted(place, *self._biases(place))
                continue
            table, signed = self._table(place, unordered, unsigned, choice)
            choice.add(place, table, signed)
            now = now + table.diagonal(dim1=1, dim2=2).sum(1)
        total = sum(choice.best() for choice in (free, *choices) if choice.scores)
        self.signs_known = all(choice.signed for choice in choices if choice.scores)
        return total, [choice for choice in choices if choice.scores], now  # type: ignore[return-value]

    def _biases(self, place: Place) -> tuple[Tensor, Tensor, Tensor]:
        rows = [place.rows(side[place.tensor]).flatten(1) for side in (self.a, self.b)]
        return rows[0], rows[1], self.share[place.tensor]

    def _table(
        self, place: Place, unordered: Collection[str], unsigned: Collection[str], choice: Choice
    ) -> tuple[Float[Tensor, "nets size size"], bool]:
        """Inner products of a's rows with b's at one place, and whether they say anything about signs."""
        spec, share = self.space.tensors[place.tensor], self.share[place.tensor].reshape(-1, 1, 1)
        one, other = place.rows(self.a[place.tensor]), place.rows(self.b[place.tensor])
        hidden = axes_of(spec, place, unordered)
        blurred = axes_of(spec, place, unsigned)
        if hidden:
            flip = bool(choice.actions or blurred)
            one, other = (_sorted(parted(rows, sorted({*hidden, *blurred})), flip) for rows in (one, other))
        elif blurred:
            one, other = (parted(rows, blurred).permute(0, 3, 1, 2) for rows in (one, other))
            return (one @ other.transpose(2, 3)).abs().sum(1) * share, False
        return one.flatten(2) @ other.flatten(2).transpose(1, 2) * share, not hidden


def match(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], starts: int, generator: torch.Generator
) -> Symmetry:
    """What brings each net of ``b`` to its partner in ``a``: the best of several descents, pair by pair.

    The first start settles names one after the other, each against those that are settled and, sorted, the rest; the
    second is b as it came; the others are random orders. At the end the scales are fitted to the pairs found.
    """
    best: Symmetry | None = None
    for number in range(max(1, starts)):
        tried = Match(space, a, b)
        if number == 0:
            grow(tried)
        elif number > 1:
            tried.act(space.random_symmetry(generator, batch=tried.count))
        descend(tried)
        fit_scales(tried)
        quality = tried.quality()
        if best is None:
            best, reached = tried.symmetry, quality
        else:
            best = chosen(quality > reached, tried.symmetry, best)
            reached = torch.maximum(quality, reached)
        if bool((reached > _EQUAL).all()):
            break
    assert best is not None
    return best


def fit_scales(match: Match, order: bool = True) -> None:
    """Fit the scales to the pairs found, and see whether the order can then be bettered (unless that is to stay)."""
    if any(action.kind == "scale" for action in match.space.actions):
        match.act(fitted(match.space, match.a, match.b))
        if order:
            descend(match)


def settle_signs(match: Match) -> None:
    """Choose signs and phases for pairs as they stand, until none changes."""
    names = [name for name in match.places if match.clusters[name]]
    for _ in range(_SWEEPS):
        moved = [bool(match.step(name, keep=True).any()) for name in names]
        if not any(moved):
            return


def descend(match: Match, names: Sequence[str] | None = None, sweeps: int = _SWEEPS) -> None:
    """Step through names (None: all) until none of them gains in any pair."""
    names, quiet = list(match.places) if names is None else names, 0
    for sweep in range(sweeps):
        moving = torch.zeros(match.count, dtype=torch.bool)
        for name in names:
            moved = match.step(name).cpu()
            moving |= moved
            quiet = 0 if bool(moved.any()) else quiet + 1
            if quiet >= len(names):
                return
        if 2 * int(moving.sum()) < match.count:  # most pairs have settled: go on with the others alone
            rest = match.part(moving)
            descend(rest, names, sweeps - sweep - 1)
            return match.put(moving, rest)


def grow(match: Match) -> None:
    """Settle the names once, always the one of which most is known."""
    waiting, unsigned = list(match.places), list[str]()
    while waiting:
        name = max(waiting, key=lambda name: _known_share(match, name, waiting, unsigned))
        waiting.remove(name)
        match.step(name, waiting, unsigned)
        if not match.signs_known:
            unsigned.append(name)
    if unsigned:
        descend(match, unsigned)


def _known_share(match: Match, name: str, waiting: Sequence[str], unsigned: Sequence[str]) -> float:
    others = {*waiting, *unsigned} - {name}
    sizes = [(place, match.a[place.tensor][0].numel()) for place in match.places[name]]
    seen = sum(size for place, size in sizes if not axes_of(match.space.tensors[place.tensor], place, others))
    return seen / max(1, sum(size for _, size in sizes))


def _reordered(place: Place, stack: Tensor, order: Int[Tensor, "nets size"]) -> Tensor:
    rows = place.rows(stack)
    shape = [order.shape[0], order.shape[1]] + [1] * (rows.ndim - 2)
    moved = (
        rows.gather(1, order.to(rows.device).reshape(shape).expand(rows.shape)) if len(rows) > 1 else rows[:, order[0]]
    )
    return place.back(moved, stack)


def _sorted(rows: Float[Tensor, "nets size known unknown"], unsigned: bool) -> Tensor:
    return (rows.abs() if unsigned else rows).sort(-1).values
