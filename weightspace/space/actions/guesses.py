"""Groups of matrices that the names of a space suggest, each to be proved by acting with it.

Attention ties queries and keys channel by channel, and where both come out of one tensor, or rotary embeddings keep the
channels in their order, no factor of a single channel passes, so that the equations of scales don't show them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

from weightspace.space.axes import Atom, Sum
from weightspace.space.matrices import MatrixGroup, Side
from weightspace.space.weightspace import WeightSpace

Ways = list[MatrixGroup]  # several guesses about the same neurons, the likeliest first


def guess_groups(space: WeightSpace, known: Sequence[MatrixGroup]) -> list[Ways]:
    """Candidates that aren't among the known groups.

    Args:
        known: what the equations of scales have given.
    """
    taken = {group.name for group in known}
    fused = list(_fused(space, taken))
    taken |= {way[0].name for way in fused}
    return [*fused, *_rotary(space), *_orthogonal(space, taken)]


# ---- residual streams ------------------------------------------------------------------------------------------------


def _orthogonal(space: WeightSpace, taken: set[str | None]) -> Iterator[Ways]:
    """Neurons that one sign moves wherever they stand, and no activation touches: a norm may be all that reads them."""
    active = {atom.name for site in space.sites if site.activation != "none" for atom in site.axis.atoms()}
    for name in space.free:
        if name in taken or name in active or (space.names[name].size or 0) < 2:
            continue
        places = {
            (tensor, dim, occurrence)
            for tensor, spec in space.tensors.items()
            for dim, axis in enumerate(spec.axes)
            for occurrence, atom in enumerate(axis.atoms())
            if atom.name == name
        }
        for action in space.actions:
            flipped = {(t, d, o) for t, powers in action.powers.items() for d, o, power in powers if power % 2}
            if action.name == name and action.kind == "sign" and not action.shifts and flipped == places:
                sides = {t: tuple(Side(d, o, 1) for d, o, _ in powers) for t, powers in action.powers.items()}
                yield [MatrixGroup(name, "orthogonal", sides)]


# ---- attention -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Channels:
    """The channels of heads on one axis of a weight: where they stand, whose they are."""

    tensor: str
    side: Side
    owners: tuple[str, ...]
    name: str | None
    width: int


def _fused(space: WeightSpace, taken: set[str | None]) -> Iterator[Ways]:
    """Queries, keys and values that share a tensor, as its parts: queries with keys, values with what reads them."""
    found = [c for c in _channels(space, source=False) if c.name is not None]
    for name, heads in dict.fromkeys((c.name, c.owners) for c in found if c.side.part is not None):
        if name in taken:
            continue
        writers = [c for c in found if (c.name, c.owners) == (name, heads)]
        readers = [c for c in _channels(space, source=True) if (c.name, c.owners) == (name, heads)]
        orders = list(permutations(writers, min(3, len(writers)))) if len(writers) < 4 else [tuple(writers[:3])]
        yield [_group(space, "linear", order[0], order[1], heads[:1]) for order in orders if len(order) > 1]
        if len(writers) > 2 and len(readers) == 1:
            yield [_group(space, "linear", order[2], readers[0], heads[:1]) for order in orders]


def _rotary(space: WeightSpace) -> Iterator[Ways]:
    """Channels that keep their order, of two weights whose heads are the same: queries and keys."""
    found = [c for c in _channels(space, source=False) if c.name is None and c.width % 2 == 0]
    seen: set[tuple[object, ...]] = set()
    for one, other in combinations(found, 2):
        owner = [name for name in one.owners if name in other.owners][:1]
        key = (tuple(owner), one.width, one.side.span) if owner else (one.tensor,)
        same = one.width == other.width and (owner or _one_head(space, one, other))
        if same and key not in seen:
            seen.add(key)
            pairs = ("halves", "adjacent") if one.side.span == 1 else ("adjacent", "halves")
            several = (
                [c for c in found if c.width == one.width and set(owner) <= set(c.owners)] if owner else [one, other]
            )
            orders = list(combinations(several, 2)) if len(several) < 4 else [(one, other)]
            yield [_group(space, "complex", q, k, owner, each) for (q, k), each in product(orders, pairs)]


def _one_head(space: WeightSpace, one: _Channels, other: _Channels) -> bool:
    """Two weights that lead from one place to one set of neurons that keep their order, which isn't an output."""
    axes = [space.tensors[c.tensor].axes[c.side.dim] for c in (one, other)]
    named = isinstance(axes[0], Atom) and axes[0].name is not None and not axes[0].name.startswith(("in", "out"))
    alike = space.tensors[one.tensor].source_sites == space.tensors[other.tensor].source_sites
    return one.tensor != other.tensor and axes[0] == axes[1] and named and alike


def _channels(space: WeightSpace, source: bool) -> Iterator[_Channels]:
    """The channels of heads on the axes that weights lead to, or on those that they read."""
    for tensor, spec in space.tensors.items():
        axes = spec.source if source else spec.target
        if spec.role != "weight" or len(axes) != 1:
            continue
        axis, first = spec.axes[axes[0]], 0
        for term in axis.terms if isinstance(axis, Sum) else (axis,):
            yield from _of_term(space, tensor, axes[0], term.atoms(), first)
            first += len(term.atoms())


def _of_term(
    space: WeightSpace, tensor: str, dim: int, atoms: Sequence[Atom], first: int
) -> Iterator[_Channels]:  # fmt: skip
    free = [atom.name is not None and space.names[atom.name].free for atom in atoms]
    owners = tuple(atom.name for atom, is_free in zip(atoms, free, strict=True) if is_free and atom.name is not None)
    start = len(atoms) - 1
    if free[start]:
        owners = owners[:-1]
    while not free[-1] and start > 0 and not free[start - 1]:
        start -= 1
    parts: list[tuple[int, int] | None] = [None]
    fixed = [place for place in range(start) if not free[place] and atoms[place].size in (2, 3)]
    if fixed:
        parts = [(first + fixed[0], number) for number in range(atoms[fixed[0]].size or 0)]
    width = 1
    for atom in atoms[start:]:
        width *= atom.size or 1
    for part in parts:
        side = Side(dim, first + start, 1, len(atoms) - start, part)
        yield _Channels(tensor, side, owners, atoms[-1].name if free[-1] else None, width)


def _group(
    space: WeightSpace, kind: str, one: _Channels, other: _Channels, owner: Sequence[str], pairs: str | None = None
) -> MatrixGroup:
    """A group that acts on one place and inversely on the other, and on biases that lie on the same axes."""
    sides: dict[str, list[Side]] = {}
    for channels, power in ((one, 1), (other, -1)):
        spec = space.tensors[channels.tensor]
        axis = spec.axes[channels.side.dim]
        sides.setdefault(channels.tensor, []).append(channels.side._replace(power=power))
        for name, bias in space.tensors.items():
            beside = bias.role == "vector" and bias.slot == "bias" and bias.axes == (axis,)
            if beside and bias.target_site == spec.target_site and channels.side.dim in spec.target:
                sides.setdefault(name, []).append(channels.side._replace(dim=0, power=power))
    powers = {name: tuple(found) for name, found in sides.items()}
    return MatrixGroup(one.name, kind, powers, owner[0] if owner else None, pairs)
