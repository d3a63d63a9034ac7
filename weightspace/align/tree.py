"""Family trees: which nets of a collection were made from which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from weightspace.align.checks import ready
from weightspace.align.lineage import fisher, p_values, scores
from weightspace.space import WeightSpace

_ALPHA = 1e-3  # chance of a wrong family among all pairs
FEWEST = 6
"""Nets that can be their own null."""


@dataclass(frozen=True)
class Edge:
    """``child`` was made from ``parent`` (numbers of nets)."""

    parent: int
    child: int
    score: float
    p_value: float


@dataclass(frozen=True)
class FamilyTree:
    """Nets, the edges from parents to children, and the scores and p-values of all pairs.

    Weights alone show that two nets are related; which of them came first is a guess: the net closest to all of its
    family is taken as the root, and one that is pruned or quantised never as the parent of one that isn't.
    """

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    scores: Float[Tensor, "nets nets"]
    p_values: Float[Tensor, "nets nets"]

    def parents(self, child: int) -> tuple[int, ...]:
        """The parents of a net: none, one, or two of a merged net."""
        return tuple(edge.parent for edge in self.edges if edge.child == child)

    @property
    def families(self) -> tuple[tuple[int, ...], ...]:
        """The nets family by family, each with those that edges join to it."""
        labels = list(range(len(self.names)))
        for edge in self.edges:
            old, new = labels[edge.child], labels[edge.parent]
            labels = [new if label == old else label for label in labels]
        return tuple(tuple(k for k, l in enumerate(labels) if l == label) for label in dict.fromkeys(labels))

    def plot(self, path: str | Path) -> Path:
        """Draw the tree with its scores; see `weightspace.align.pictures`."""
        from weightspace.align.pictures import draw_tree

        return draw_tree(self, Path(path))


def family_tree(
    space: WeightSpace,
    nets: Mapping[str, Mapping[str, Tensor]],
    null: Mapping[str, Tensor] | None = None,
    starts: int = 2,
    seed: int = 0,
) -> FamilyTree:
    """Find out which nets of a collection were made from which.

    All pairs are scored (see `lineage`); related are those whose p-value stays below a thousandth over the number of
    pairs. A net that is related to two nets which aren't related to each other was merged from them. Within a family
    the edges are the tree of highest scores.

    Args:
        nets: single nets by name, at least two. null: a stack of independent nets; without it the lower half of the
            collection's own scores stands for independent runs, which is right if most pairs aren't related: at least
            six nets are needed then.

    Raises:
        ValueError: too few nets, or weights that don't fit the space or aren't finite (the net is named).
    """
    if len(nets) < (2 if null is not None else FEWEST):
        raise ValueError(f"family_tree needs at least two nets, or six without null=, got {len(nets)}.")
    lifted = [ready(space, net, name)[0] for name, net in nets.items()]
    stack = {name: torch.cat([net[name] for net in lifted]) for name in space.tensors}
    table = scores(space, stack, starts=starts, seed=seed)
    upper = table[tuple(torch.triu_indices(len(nets), len(nets), 1))]
    if null is None:
        z = fisher(upper)
        centre = z.median()
        strangers = torch.cat([z[z <= centre], 2 * centre - z[z <= centre]]).tanh()  # mirrored at the median
    else:
        strangers = scores(space, stack, ready(space, null, "null")[0], starts=starts, seed=seed).flatten()
    values = p_values(table, strangers).fill_diagonal_(1.0)
    related = values < _ALPHA / max(1, len(upper))
    edges = tuple(
        Edge(p, c, float(table[p, c]), float(values[p, c])) for p, c in _edges(table, related, _damage(space, stack))
    )
    return FamilyTree(tuple(nets), edges, table, values)


def _edges(table: Float[Tensor, "n n"], related: Bool[Tensor, "n n"], damage: Sequence[float]) -> list[tuple[int, int]]:
    """Pairs of parent and child."""
    merged = _merged(table, related)
    edges = [(parent, child) for child, parents in merged.items() for parent in parents]
    left = related.clone()
    for child in merged:  # its other relatives are those of its parents
        left[child], left[:, child] = False, False
    for family in _components(left):
        if len(family) > 1:
            edges += _tree(table, left, family, damage)
    return edges


def _merged(table: Float[Tensor, "n n"], related: Bool[Tensor, "n n"]) -> dict[int, tuple[int, int]]:
    """Nets with two parents: the closest relative, and the closest of those that aren't related to it."""
    found = {}
    for child in range(len(table)):
        relatives = sorted(related[child].nonzero().flatten().tolist(), key=lambda k: -float(table[child, k]))
        if len(relatives) < 2:
            continue
        first = relatives[0]
        second = next((k for k in relatives[1:] if not related[first, k]), None)
        if second is not None and table[child, second] > 0.5 * table[child, first]:
            found[child] = (first, second)
    # of two nets that look merged from each other's families the one with the weaker second parent is a plain child
    return {c: p for c, p in found.items() if not any(q in found and _weaker(table, found, c, q) for q in p)}


def _weaker(table: Tensor, found: Mapping[int, tuple[int, int]], one: int, other: int) -> bool:
    return float(table[one, found[one][1]]) < float(table[other, found[other][1]])


def _components(related: Bool[Tensor, "n n"]) -> list[list[int]]:
    left, families = set(range(len(related))), []
    while left:
        family, front = set(), [min(left)]
        while front:
            net = front.pop()
            if net not in family:
                family.add(net)
                front += related[net].nonzero().flatten().tolist()
        left -= family
        families.append(sorted(family))
    return families


def _tree(table: Tensor, related: Tensor, family: list[int], damage: Sequence[float]) -> list[tuple[int, int]]:
    """The tree of highest scores (Prim), grown from the net closest to all others; whole nets before damaged ones."""
    whole = min(damage[k] for k in family)
    roots = [k for k in family if damage[k] <= whole + 0.05]
    inside = [max(roots, key=lambda k: float(table[k, family].sum()))]
    edges = []
    while len(inside) < len(family):
        outside = [k for k in family if k not in inside]
        pairs = [(p, c) for p in inside for c in outside if related[p, c]]
        parent, child = max(pairs, key=lambda pair: _closeness(table, pair, damage))
        edges.append((parent, child))
        inside.append(child)
    return edges


def _closeness(table: Tensor, pair: tuple[int, int], damage: Sequence[float]) -> float:
    healed = max(0.0, damage[pair[0]] - damage[pair[1]])  # a child doesn't win back what its parent has lost
    return float(table[pair]) - (1.0 if healed > 0.05 else 0.0)


def _damage(space: WeightSpace, stack: Mapping[str, Tensor]) -> list[float]:
    """For each net the share of weights that say nothing new: zeros, values seen again, or of half precision."""
    lost, entries = torch.zeros(len(next(iter(stack.values())))), 0
    for name, spec in space.tensors.items():
        if len(spec.axes) > 1 and stack[name].is_floating_point():
            ordered = stack[name].flatten(1).abs().sort(1).values
            again = (ordered[:, 1:] == ordered[:, :-1]).sum(1)
            lost = lost + torch.maximum(again, (ordered == ordered.half()).sum(1)).cpu()
            entries += spec.numel
    return (lost / max(1, entries)).tolist()
