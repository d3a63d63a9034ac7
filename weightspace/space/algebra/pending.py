"""Values that needn't be one tensor: their entries along some axis may have nothing to do with each other.

The last states of recurrent layers, tensors that were stacked, queries, keys and values behind one matrix come so. What
reads one of them at a time leaves the others alone; what reads several at once makes them one value, in which their
neurons move together.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import prod
from typing import Union

import torch

from weightspace.space.algebra.dims import is_fixed
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value

Part = Union[Value, "Pending"]
_MANY = 16  # entries along an axis; more of them are read as one value


@dataclass(eq=False)
class Pending:
    """A value that is made when it is first read as one.

    Args:
        shape, dtype: of the value.
        make: makes it.
        entries: by axis what gives the entries along it one by one, each without that axis.
        apart: the entries were made one by one, so that they can be joined in other ways too.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], Value]
    entries: dict[int, Callable[[], Sequence[Part]]] = field(default_factory=dict)
    apart: bool = False

    @cached_property
    def whole(self) -> Value:
        """All entries in one value."""
        return self.make()

    def along(self, axis: int) -> Sequence[Part] | None:
        """The entries along an axis; None where only the whole can be read."""
        found = self.entries.get(axis % len(self.shape))
        return found() if found is not None else None


def whole_of(part: Part) -> Value:
    """A part as one value."""
    return part.whole if isinstance(part, Pending) else part


def stacked(op: Operation, parts: Sequence[Part], axis: int) -> Pending:
    """Parts along a new axis."""
    shape = (*parts[0].shape[:axis], len(parts), *parts[0].shape[axis:])

    def make() -> Value:
        lifted = [op.reshape(whole_of(part), [*shape[:axis], 1, *shape[axis + 1 :]]) for part in parts]
        return lifted[0] if len(lifted) == 1 else op.join(lifted, axis)

    return Pending(shape, parts[0].dtype, make, {axis: lambda: parts}, apart=True)


def reshaped(op: Operation, part: Part, sizes: Sequence[int]) -> Part:
    """The same entries under other sizes."""
    if isinstance(part, Value):
        return _split(op, part, sizes)
    runs = list(_runs(part.shape, sizes))
    if part.apart:
        changed = [run for run in runs if part.shape[run[0]] != tuple(sizes[run[1]])]
        rearranged = _rearranged(op, part, *changed[0], sizes) if len(changed) == 1 else None
        if rearranged is not None:
            return rearranged
    entries = {
        new.start: _each(part.entries[old.start], lambda e, b=new.start: reshaped(op, e, _without(sizes, b)))
        for old, new in runs
        if old.start in part.entries and part.shape[old] == tuple(sizes[new])
    }
    return Pending(tuple(sizes), part.dtype, lambda: op.reshape(part.whole, sizes), entries, part.apart)


def _split(op: Operation, value: Value, sizes: Sequence[int]) -> Part:
    """Where an axis is split, the entries along a new axis are runs of the old one."""
    entries = {}
    for old, new in _runs(value.shape, sizes) if value.constant is None and value.places is None else ():
        if old.stop - old.start != 1 or is_fixed(value.dims[old.start]):
            continue
        for axis in range(new.start, new.stop):
            if 1 < sizes[axis] <= _MANY and prod(sizes[axis + 1 : new.stop]) > 1:
                entries[axis] = _pieces(op, value, old.start, sizes, new, axis)
    if not entries:
        return op.reshape(value, sizes)
    return Pending(tuple(sizes), value.dtype, lambda: op.reshape(value, sizes), entries)


def _pieces(
    op: Operation, value: Value, old: int, sizes: Sequence[int], new: slice, axis: int
) -> Callable[[], Sequence[Part]]:
    lead, count, rest = sizes[new.start : axis], sizes[axis], prod(sizes[axis + 1 : new.stop])

    def pieces() -> Sequence[Part]:
        wide = op.reshape(value, [*value.shape[:old], *lead, count * rest, *value.shape[old + 1 :]])
        runs = [op.slice(wide, old + len(lead), i * rest, (i + 1) * rest) for i in range(count)]
        return [reshaped(op, run, _without(sizes, axis)) for run in runs]

    return cache(pieces)


def _rearranged(op: Operation, part: Pending, old: slice, new: slice, sizes: Sequence[int]) -> Part | None:
    """Parts on an axis that is joined with those behind it come one after the other; one that is split is nested."""
    axis, parts = new.start, part.along(old.start) if old.start in part.entries else None
    if parts is None:
        return None
    if new.stop - new.start == 1 and prod(part.shape[old]) == sizes[axis]:
        length = sizes[axis] // len(parts)
        return op.join([op.reshape(whole_of(p), [*sizes[:axis], length, *sizes[axis + 1 :]]) for p in parts], axis)
    if old.stop - old.start == 1 and new.stop - new.start == 2:
        inner = sizes[axis + 1]
        return stacked(op, [stacked(op, parts[i : i + inner], axis) for i in range(0, len(parts), inner)], axis)
    return None


def permuted(op: Operation, part: Part, order: Sequence[int]) -> Part:
    """Axes in another order."""
    if isinstance(part, Value):
        return op.permute(part, order)
    order = [axis % len(part.shape) for axis in order]
    entries = {
        new: _each(part.entries[old], lambda e, old=old: permuted(op, e, [a - (a > old) for a in order if a != old]))
        for new, old in enumerate(order)
        if old in part.entries
    }
    shape = tuple(part.shape[axis] for axis in order)
    return Pending(shape, part.dtype, lambda: op.permute(part.whole, order), entries, part.apart)


def _each(entries: Callable[[], Sequence[Part]], change: Callable[[Part], Part]) -> Callable[[], Sequence[Part]]:
    return cache(lambda: [change(entry) for entry in entries()])


def _without(sizes: Sequence[int], axis: int) -> list[int]:
    return [*sizes[:axis], *sizes[axis + 1 :]]


def _runs(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """The shortest runs of axes with equal numbers of entries; an axis of size 1 is a run without a counterpart."""
    left = right = 0
    while left < len(before) or right < len(after):
        first, second = left, right
        one = before[left] if left < len(before) else None
        other = after[right] if right < len(after) else None
        left, right = left + (one is not None), right + (other is not None)
        if one != other and one == 1:
            right = second
        elif one != other and other == 1:
            left = first
        else:
            while one != other and one is not None and other is not None:
                if one < other:
                    one, left = one * before[left], left + 1
                else:
                    other, right = other * after[right], right + 1
        yield slice(first, left), slice(second, right)
