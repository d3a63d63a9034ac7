"""Which axes of which parameter stand behind each axis of a value that is made of parameters alone."""

from collections.abc import Mapping, Sequence

from weightspace.space.algebra.value import Value


def origins_of(
    values: Sequence[Value], axes: Sequence[Sequence[tuple[int, int]]]
) -> Mapping[str, tuple[frozenset[int], ...]]:
    """Which axes of which parameter stand behind each axis of a value made of these."""
    origin: dict[str, tuple[frozenset[int], ...]] = {}
    for index, value in enumerate(values):
        for param, behind in value.origin.items():
            mapped = tuple(
                frozenset().union(*(behind[axis] for which, axis in pairs if which == index)) for pairs in axes
            )
            origin[param] = (
                mapped if param not in origin else tuple(a | b for a, b in zip(origin[param], mapped, strict=True))
            )
    return origin


def runs_behind(before: tuple[int, ...], after: tuple[int, ...]) -> list[list[tuple[int, int]]]:
    """For each axis after a reshape the axes before it that share its entries."""
    spans = []
    for sizes in (before, after):
        span, total = [], 1
        for size in reversed(sizes):
            span.append((total, total * size))
            total *= size
        spans.append(span[::-1])
    return [
        [(0, i) for i, (low, high) in enumerate(spans[0]) if low < end and high > start and high > low]
        for start, end in spans[1]
    ]
