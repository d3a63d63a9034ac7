"""What may be done to a value that is still in parts without making it one."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.pending import Part, Pending, permuted, reshaped, stacked

READS: dict[str, Callable[..., Any]] = {}


def _rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        READS.update({f"aten.{name}": function for name in names})
        return function

    return register


def read_in_parts(op: Operation, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What an operator gives on a value in parts; None where it needs the whole."""
    function = READS.get(op.name)
    return function(op, *args, **kwargs) if function is not None and isinstance(args[0], Pending) else None


@_rule("clone", "contiguous", "detach", "alias")
def _same(_op: Operation, part: Pending, **_: Any) -> Part:
    return part


@_rule("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_copy")
def _reshape(op: Operation, part: Pending, *_: Any, **__: Any) -> Part:
    return reshaped(op, part, op.shape)


@_rule("permute")
def _permute(op: Operation, part: Pending, order: Sequence[int]) -> Part:
    return permuted(op, part, order)


@_rule("transpose", "swapaxes")
def _transpose(op: Operation, part: Pending, one: int, other: int) -> Part:
    order = list(range(len(part.shape)))
    order[one], order[other] = order[other], order[one]
    return permuted(op, part, order)


@_rule("select")
def _select(_op: Operation, part: Pending, dim: int, index: Any) -> Part | None:
    entries = part.along(dim) if isinstance(index, int) else None
    return entries[index] if entries is not None else None


@_rule("unbind")
def _unbind(_op: Operation, part: Pending, dim: int = 0) -> list[Part] | None:
    entries = part.along(dim)
    return list(entries) if entries is not None else None


@_rule("slice")
def _slice(op: Operation, part: Pending, dim: int = 0, start: Any = None, stop: Any = None, step: int = 1) -> Any:
    plain = all(isinstance(bound, int | None) for bound in (start, stop))
    parts = part.along(dim) if plain else None
    entries = parts[start:stop:step] if parts is not None else ()
    return stacked(op, entries, dim % len(part.shape)) if entries else None


@_rule("split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk")
def _pieces(op: Operation, part: Pending, _sizes: Any = None, dim: int = 0) -> list[Part] | None:
    entries, axis = part.along(dim), dim % len(part.shape)
    if entries is None:
        return None
    starts = [0]
    for shape in op.shapes:
        starts.append(starts[-1] + shape[axis])
    return [stacked(op, entries[a:b], axis) for a, b in pairwise(starts)]
