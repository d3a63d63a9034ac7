"""Operators that rearrange entries: padding, rolling, shuffles, patches, writing into a part."""

from collections.abc import Sequence
from math import prod
from typing import Any

from weightspace.space.algebra.dims import fix, leaf
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Step, Value
from weightspace.space.rules.registry import rule


@rule("aten.pad", "aten.constant_pad_nd")
def pad(t: Tracer, value: Value, padding: Sequence[int], mode: Any = "constant", fill: Any = None) -> Value:
    """Padding with zeros adds fixed entries before and after; any other padding fixes the axis."""
    if not isinstance(mode, str):
        mode, fill = "constant", mode
    zeros = mode == "constant" and min(padding) >= 0
    rank = len(value.dims)
    for index in range(len(padding) // 2):
        axis, before, after = rank - 1 - index, padding[2 * index], padding[2 * index + 1]
        if before == after == 0:
            continue
        value = _pad_axis(t, value, axis, before, after, fill or 0.0) if zeros else _resized(t, value, axis)
    return value


def _pad_axis(t: Tracer, value: Value, axis: int, before: int, after: int, fill: float) -> Value:
    kind = "zero" if fill == 0 else "uniform"
    shape = list(value.shape)
    sides = [t.constant(kind, [*shape[:axis], size, *shape[axis + 1 :]]) for size in (before, after)]
    return t.join([side for side in (sides[0], value, sides[1]) if 0 not in side.shape], axis)


def _resized(t: Tracer, value: Value, axis: int) -> Value:
    fix(value.dims[axis])
    dims = [
        leaf(size, fixed=True) if a == axis else d for a, (size, d) in enumerate(zip(t.shape, value.dims, strict=True))
    ]
    out = t.derived(dims, [value], "", [[(0, a)] for a in range(len(dims))])
    labels = tuple(range(len(dims)))
    t.steps.append(Step("equal", out, (value,), (labels, tuple(("old", a) if a == axis else a for a in labels))))
    return out


@rule("aten._fft_r2c", "aten._fft_c2r", "aten._fft_c2c")
def fourier(t: Tracer, value: Value, axes: Sequence[int], *_: Any) -> Value:
    """Fourier transforms mix along some axes, which are fixed."""
    gone = {axis % len(value.dims) for axis in axes}
    for axis in gone:
        fix(value.dims[axis])
    labels = [("old", a) if a in gone else a for a in range(len(value.dims))]
    return t.einsum([value], [labels], range(len(labels)), sizes={axis: t.shape[axis] for axis in gone})


@rule("aten.roll", "aten.flip", "aten.cumsum", "aten.cumprod", "aten.sort", "aten.flip_copy")
def reorder(t: Tracer, value: Value, *args: Any, **kwargs: Any) -> Any:
    """The entries of some axes depend on their places; those axes are fixed, the others stay."""
    given = args[-1] if t.op == "aten.roll" and len(args) > 1 else kwargs.get("dim", args[0] if args else -1)
    axes = given if isinstance(given, list | tuple) else [given]
    if t.op == "aten.roll" and len(args) < 2 and "dims" not in kwargs:
        axes = range(len(value.dims))
    for axis in axes:
        fix(value.dims[axis])
    kind = "equal" if t.op in ("aten.roll", "aten.flip", "aten.cumsum") else "opaque"
    out = t.pointwise(kind, value)
    return (out, t.pointwise("opaque", value)) if t.op == "aten.sort" else out


@rule("aten.slice_scatter")
def slice_scatter(
    t: Tracer, value: Value, new: Value, dim: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Value:
    """Some entries of one axis replaced by others."""
    size = value.dims[dim].size
    low = (start or 0) + (size if (start or 0) < 0 else 0)
    high = size if stop is None else min(stop + (size if stop < 0 else 0), size)
    if step != 1:
        return t.opaque(value, new)
    sides = [
        t.slice(value, dim, 0, low) if low else None,
        new,
        t.slice(value, dim, high, size) if high < size else None,
    ]
    pieces = [side for side in sides if side is not None]
    return t.join(pieces, dim) if len(pieces) > 1 else t.pointwise("equal", value, new)


@rule("aten.select_scatter")
def select_scatter(t: Tracer, value: Value, new: Value, dim: int, index: int) -> Value:
    """One entry of an axis replaced; it keeps its place."""
    axis = dim % len(value.dims)
    place = index % value.dims[axis].size
    shape = [1 if a == axis else size for a, size in enumerate(value.shape)]
    return slice_scatter(t, value, t.reshape(new, shape), axis, place, place + 1)


@rule("aten.pixel_shuffle", "aten.pixel_unshuffle")
def pixel_shuffle(t: Tracer, value: Value, factor: int) -> Value:
    """Channels to space or back: the axes are split, permuted and joined."""
    *lead, c, h, w = value.shape
    n = len(lead)
    if t.op == "aten.pixel_shuffle":
        value = t.reshape(value, [*lead, c // factor**2, factor, factor, h, w])
        order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    else:
        value = t.reshape(value, [*lead, c, h // factor, factor, w // factor, factor])
        order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return t.reshape(t.permute(value, order), t.shape)


@rule("aten.channel_shuffle", "aten.native_channel_shuffle")
def channel_shuffle(t: Tracer, value: Value, groups: int) -> Value:
    """Channels as (groups, rest), transposed."""
    n, c, *rest = value.shape
    wide = t.reshape(value, [n, groups, c // groups, *rest])
    return t.reshape(t.permute(wide, [0, 2, 1, *range(3, 3 + len(rest))]), t.shape)


@rule("aten.im2col", "aten.unfold")
def unfold(t: Tracer, value: Value, *args: Any) -> Value:
    """Patches: channels become (channels, kernel), space is fixed."""
    if t.op == "aten.unfold":
        out = _unfold_axis(t, value, args[0])
        return out
    kernel = prod(args[0])
    for dim in value.dims[-2:]:
        fix(dim)
    wide = t.einsum([value], [["n", "c", "h", "w"]], ["n", "c", "k", "l"], sizes={"k": kernel, "l": t.shape[-1]})
    return t.reshape(wide, t.shape)


def _unfold_axis(t: Tracer, value: Value, dim: int) -> Value:
    axis = dim % len(value.dims)
    fix(value.dims[axis])
    labels = [("old", a) if a == axis else a for a in range(len(value.dims))]
    outs = [*range(len(value.dims)), "window"]
    return t.einsum([value], [labels], outs, sizes={axis: t.shape[axis], "window": t.shape[-1]})
