"""Operators that rearrange entries: padding, rolling, shuffles, writing into a part."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.pad", "aten.constant_pad_nd")
def pad(op: Operation, value: Value, padding: Sequence[int], mode: Any = "constant", fill: Any = None) -> Value:
    """Padding with zeros adds fixed entries before and after; any other padding fixes the axis."""
    if not isinstance(mode, str):
        mode, fill = "constant", mode
    zeros = mode == "constant" and min(padding) >= 0
    rank = len(value.dims)
    for index in range(len(padding) // 2):
        axis, before, after = rank - 1 - index, padding[2 * index], padding[2 * index + 1]
        if before == after == 0:
            continue
        value = (
            _pad_axis(op, value, axis, before, after, fill or 0.0)
            if zeros
            else op.resized(value, [axis], _with_size(value, axis, before + after))
        )
    return value


def _pad_axis(op: Operation, value: Value, axis: int, before: int, after: int, fill: float) -> Value:
    kind = "zero" if fill == 0 else "uniform"
    shape = list(value.shape)
    sides = [op.constant(kind, [*shape[:axis], size, *shape[axis + 1 :]]) for size in (before, after)]
    return op.join([side for side in (sides[0], value, sides[1]) if 0 not in side.shape], axis)


def _with_size(value: Value, axis: int, more: int) -> list[int]:
    return [size + more * (a == axis) for a, size in enumerate(value.shape)]


@rule("aten._fft_r2c", "aten._fft_c2r", "aten._fft_c2c")
def fourier(op: Operation, value: Value, axes: Sequence[int], *_: Any) -> Value:
    """Fourier transforms mix along some axes, which are fixed."""
    return op.resized(value, axes, op.shape)


@rule("aten.roll", "aten.flip", "aten.cumsum", "aten.cumprod", "aten.flip_copy", "aten.logcumsumexp")
def reorder(op: Operation, value: Value, *args: Any, **kwargs: Any) -> Any:
    """The entries of some axes depend on their places; those axes are fixed, the others stay."""
    given = args[-1] if op.name == "aten.roll" and len(args) > 1 else kwargs.get("dim", args[0] if args else -1)
    axes = given if isinstance(given, list | tuple) else [given]
    if op.name == "aten.roll" and len(args) < 2 and "dims" not in kwargs:
        axes = range(len(value.dims))
    for axis in axes:
        fix(value.dims[axis])
    kind = "equal" if op.name in ("aten.roll", "aten.flip", "aten.cumsum") else "opaque"
    return op.pointwise(kind, value)


@rule("aten.cummax", "aten.cummin")
def running_extreme(op: Operation, value: Value, dim: int) -> tuple[Value, Value]:
    """The largest entry so far along an axis, which is fixed."""
    fix(value.dims[dim])
    return op.pointwise("positive", value), op.result(1).pointwise("order", value)


@rule("aten.slice_scatter")
def slice_scatter(
    op: Operation,
    value: Value,
    new: Value,
    dim: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int = 1,
) -> Value:
    """Some entries of one axis replaced by others."""
    size = value.dims[dim].size
    low = (start or 0) + (size if (start or 0) < 0 else 0)
    high = size if stop is None else min(stop + (size if stop < 0 else 0), size)
    if step != 1:
        return op.opaque(value, new)
    sides = [
        op.slice(value, dim, 0, low) if low else None,
        new,
        op.slice(value, dim, high, size) if high < size else None,
    ]
    pieces = [side for side in sides if side is not None]
    return op.join(pieces, dim) if len(pieces) > 1 else op.pointwise("equal", value, new)


@rule("aten.select_scatter")
def select_scatter(op: Operation, value: Value, new: Value, dim: int, index: int) -> Value:
    """One entry of an axis replaced; it keeps its place."""
    axis = dim % len(value.dims)
    place = index % value.dims[axis].size
    shape = [1 if a == axis else size for a, size in enumerate(value.shape)]
    return slice_scatter(op, value, op.reshape(new, shape), axis, place, place + 1)


@rule("aten.pixel_shuffle", "aten.pixel_unshuffle")
def pixel_shuffle(op: Operation, value: Value, factor: int) -> Value:
    """Channels to space or back: the axes are split, permuted and joined."""
    *lead, c, h, w = value.shape
    n = len(lead)
    if op.name == "aten.pixel_shuffle":
        value = op.reshape(value, [*lead, c // factor**2, factor, factor, h, w])
        order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    else:
        value = op.reshape(value, [*lead, c, h // factor, factor, w // factor, factor])
        order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return op.reshape(op.permute(value, order), op.shape)


@rule("aten.channel_shuffle", "aten.native_channel_shuffle")
def channel_shuffle(op: Operation, value: Value, groups: int) -> Value:
    """Channels as (groups, rest), transposed."""
    n, c, *rest = value.shape
    wide = op.reshape(value, [n, groups, c // groups, *rest])
    return op.reshape(op.permute(wide, [0, 2, 1, *range(3, 3 + len(rest))]), op.shape)
