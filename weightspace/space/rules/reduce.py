"""Reductions, pooling and interpolation."""

from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.registry import rule


@rule("aten.sum", "aten.mean", "aten.nansum")
def add_up(op: Operation, value: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Sums and means: neurons that are summed must keep their factors."""
    return op.reduce(value, _axes(dim), keepdim)


@rule("aten.amax", "aten.amin")
def extreme(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Extremes: positive factors of the other axes pass."""
    return op.reduce(value, _axes(dim) or None, keepdim, kind="positive")


@rule("aten.max", "aten.min", "aten.median", "aten.mode", "aten.nanmedian")
def extreme_with_place(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """The extreme entry, and with an axis also its place, which fixes that axis if it is read."""
    if isinstance(dim, Value):
        return op.pointwise("positive", value, dim)
    if dim is None:
        return op.reduce(value, None, False, kind="positive")
    if 1 in op.wanted:  # the place of the extreme is a number, so moving entries along the axis would change it
        fix(value.dims[dim])
    largest = op.reduce(value, [dim], keepdim, kind="positive")
    return largest, op.result(1).reduce(value, [dim], keepdim, kind="order")


@rule("aten.argmax", "aten.argmin")
def place(op: Operation, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Places of extremes: the axis is fixed."""
    for axis in [dim] if dim is not None else range(len(value.dims)):
        fix(value.dims[axis])
    return op.reduce(value, None if dim is None else [dim], keepdim, kind="order")


@rule("aten.prod", "aten.any", "aten.all", "aten.logsumexp", "aten.count_nonzero")
def opaque_reduction(op: Operation, value: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Symmetric in the entries, but no factor passes."""
    return op.reduce(value, _axes(dim), keepdim, kind="opaque")


@rule("aten.var", "aten.std")
def variance(
    op: Operation, value: Value, dim: Any = None, _unbiased: Any = None, keepdim: bool = False, **__: Any
) -> Value:
    """Variances carry the square of the factor, standard deviations its absolute value."""
    return _spread(op, value, dim, keepdim)


def _spread(op: Operation, value: Value, dim: Any, keepdim: bool) -> Value:
    """What is reduced lies around its mean, which ties its entries: they may not change signs one by one."""
    rank, axes = len(value.dims), _axes(dim)
    gone = {axis % rank for axis in (axes if axes is not None else range(rank))} if rank else set()
    centred = op.pointwise("equal", value)
    op.like("equal", centred, value, {axis: axis for axis in range(rank) if axis not in gone})
    return op.reduce(centred, axes, keepdim, "power" if "var" in op.name else "abs", data=2)


@rule("aten.var_mean", "aten.std_mean")
def variance_and_mean(
    op: Operation, value: Value, dim: Any = None, _unbiased: Any = None, keepdim: bool = False, **__: Any
) -> Any:
    """Both at once."""
    return _spread(op, value, dim, keepdim), op.reduce(value, _axes(dim), keepdim)


@rule("aten.norm", "aten.linalg_vector_norm")
def norm(op: Operation, value: Value, p: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Norms carry the absolute value of a factor; the number of entries that aren't zero does not."""
    return op.reduce(value, _axes(dim), keepdim, kind="opaque" if p == 0 else "abs")


def _axes(dim: Any) -> list[int] | None:
    if dim is None or isinstance(dim, bool) or (isinstance(dim, list | tuple) and not dim):
        return None
    return [dim] if isinstance(dim, int) else list(dim)


_POOLS = {
    **{f"aten.avg_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.max_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.max_pool{n}d_with_indices": n for n in (2, 3)},
    **{f"aten.adaptive_avg_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten._adaptive_avg_pool{n}d": n for n in (2, 3)},
    **{f"aten.adaptive_max_pool{n}d": n for n in (1, 2, 3)},
    **{f"aten.lp_pool{n}d": n for n in (1, 2)},
    **{f"aten.upsample_{kind}": 2 for kind in ("nearest2d", "bilinear2d", "bicubic2d", "_nearest_exact2d")},
    **{f"aten._upsample_{kind}": 2 for kind in ("nearest_exact2d", "bilinear2d_aa", "bicubic2d_aa")},
    "aten.upsample_nearest1d": 1, "aten.upsample_linear1d": 1, "aten.upsample_nearest3d": 3,
    "aten.upsample_trilinear3d": 3,
    **{f"aten.{kind}_pad{n}d": n for kind in ("reflection", "replication") for n in (1, 2, 3)},
}  # fmt: skip


@rule(*_POOLS)
def pool(op: Operation, value: Value, *_: Any, **__: Any) -> Any:
    """Pooling and interpolation mix along space, which is fixed; channels stay."""
    space = _POOLS[op.name]
    lead = len(value.dims) - space
    kind = "positive" if "max" in op.name or "lp_" in op.name else "equal"
    out = op.resized(value, range(lead, len(value.dims)), op.shape, kind)
    return (out, op.result(1).pointwise("order", out)) if op.several else out
